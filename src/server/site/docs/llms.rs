//! `/llms.txt`: what a language model needs to connect an agent, as the convention of llmstxt.org wants it.

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};

use super::{operations, text};
use crate::server::site::web_state::WebState;

/// `GET /llms.txt`
pub async fn text_file(State(web): State<WebState>) -> Response {
    let document = web.openapi;
    let requests = operations(document).map(|it| {
        let (summary, said) = (text(&it.described["summary"]), text(&it.described["description"]).replace('\n', " "));
        format!("- `{} {}`: {}", it.method, it.path, [summary, said.trim()].join(" ").trim_end())
    });
    let requests: Vec<String> = requests.collect();
    let page = format!(
        "# Bailout\n\n> {}\n\nEvery request has the header `Authorization: Bearer blt_…`. An answer that is not a success is a problem \
         (RFC 9457): branch on `code`; `errors` names every faulty field.\n\n## Requests\n\n{}\n\n## Docs\n\n\
         - [OpenAPI 3.1](/api/v1/openapi.json): the whole contract\n\
         - [Reference](/docs/api): every request with curl, Python and TypeScript\n\
         - [Problems](/docs/problems): every code, and what to do\n\
         - [Tool definition](/api/v1/tools?format=openai-chat): `escalate_to_human` for a model; also `openai-responses`, \
         `openai-strict`, `anthropic`, `mcp`, `gemini`\n",
        text(&document["info"]["description"]).replace("\n\n", "\n>\n> "),
        requests.join("\n"),
    );
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], page).into_response()
}
