//! The reference of the API: every request with its parameters, body, answers, problems and examples, and every schema.

use std::sync::OnceLock;

use axum::{extract::State, http::StatusCode, response::Response};
use leptos::prelude::*;
use serde_json::Value;

use super::{Operation, object, operations, paragraphs, schemas, snippets::LANGUAGES, text, with_code};
use crate::{
    app::parts::drawn::{element, words},
    domain::operator::Preferences,
    server::{
        contract::problem_path,
        site::{frame::public_page, web_state::WebState},
    },
};

/// `GET /docs/api`
pub async fn page(State(web): State<WebState>) -> Response {
    // The content is the same for everybody, so it is drawn once.
    static CONTENT: OnceLock<String> = OnceLock::new();
    let content = CONTENT.get_or_init(|| Owner::new().with(|| content(web.openapi).to_html()));
    web.page(StatusCode::OK, Preferences::default(), "The API · Bailout", || {
        public_page(
            "The API for agents",
            vec![view! { <div class="contract" inner_html=content.as_str()></div> }.into_any()],
        )
    })
}

fn content(document: &'static Value) -> AnyView {
    let links = operations(document).map(|it| {
        let (method, path, name) = (it.method.clone(), it.path, text(&it.described["operationId"]).to_owned());
        let summary = with_code(text(&it.described["summary"]));
        view! { <li><a href=format!("#{name}")><code>{method} " " {path}</code></a> " " {summary}</li> }
    });
    view! {
        <section class="plain-section">
            {paragraphs(text(&document["info"]["description"]))}
            <p>
                "Every request has the header " <code>"Authorization: Bearer blt_…"</code>
                ", except where it says otherwise. The examples read the address of your server and your key from the environment: "
                <code>"BAILOUT_URL"</code> ", " <code>"BAILOUT_KEY"</code> "."
            </p>
            <p>
                <a href="/api/v1/openapi.json">"OpenAPI 3.1"</a> " · " <a href="/docs/problems">"All problems"</a> " · "
                <a href="/llms.txt">"For language models"</a>
            </p>
            <nav aria-label="Requests"><ul class="contract-links">{links.collect::<Vec<_>>()}</ul></nav>
        </section>
        <h2 class="plain-heading">"Requests"</h2>
        {operations(document).map(|it| request(document, &it)).collect::<Vec<_>>()}
        <h2 class="plain-heading">"Schemas"</h2>
        {schemas::all(document)}
    }
    .into_any()
}

fn request(document: &'static Value, it: &Operation) -> AnyView {
    let described = it.described;
    let body = &described["requestBody"]["content"]["application/json"];
    let example = Some(&body["example"]).filter(|example| !example.is_null());
    let name = text(&described["operationId"]);
    let parameters: Vec<AnyView> =
        described["parameters"].as_array().into_iter().flatten().flat_map(parameter).collect();
    let has_parameters = !parameters.is_empty();
    let body = (!body.is_null()).then(|| {
        let optional = (described["requestBody"]["required"] != true).then_some(" · may be left out");
        view! { <h4>"Body: " {schemas::kind(&body["schema"])} {optional}</h4> {schemas::content(schemas::named(document, &body["schema"]))} }
    });
    let is_public = described["security"][0]["key"].is_null();
    view! {
        <section class="plain-section" id=name.to_owned()>
            <h3>{with_code(text(&described["summary"]))}</h3>
            <p><code>{it.method.clone()} " " {it.path}</code> {is_public.then_some(" · no key is needed")}</p>
            {paragraphs(text(&described["description"]))}
            {has_parameters.then(|| view! { <h4>"Parameters"</h4> })}
            {has_parameters.then(|| element("dl", "contract-members", parameters))}
            {body}
            <h4>"Answers"</h4>
            {element("dl", "contract-members", object(&described["responses"]).flat_map(answer).collect())}
            <h4>"Examples"</h4>
            {LANGUAGES.iter().map(|(language, write)| snippet(name, language, &write(it, example))).collect::<Vec<_>>()}
        </section>
    }
    .into_any()
}

fn parameter(it: &Value) -> [AnyView; 2] {
    let place = match text(&it["in"]) {
        "path" => " · in the path",
        "header" => " · a header",
        _ => "",
    };
    [
        view! { <dt><code>{text(&it["name"]).to_owned()}</code></dt> }.into_any(),
        view! {
            <dd>
                <span class="plain-facts">{schemas::kind(&it["schema"])} {place}</span>
                <p>{with_code(text(&it["description"]))}</p>
            </dd>
        }
        .into_any(),
    ]
}

/// Draws an answer: what it means and its form, or the codes of its problems.
fn answer((status, it): (&String, &Value)) -> [AnyView; 2] {
    let problems: Vec<AnyView> = object(&it["content"]["application/problem+json"]["examples"])
        .map(|(code, _)| view! { <a href=problem_path(code)><code>{code.clone()}</code></a> " " }.into_any())
        .collect();
    let forms = object(&it["content"]).filter(|(kind, _)| *kind != "application/problem+json");
    let forms = forms.map(
        |(kind, of)| view! { <span class="plain-facts">{schemas::kind(&of["schema"])} " · " {kind.clone()} " "</span> },
    );
    let headers: Vec<&str> = object(&it["headers"]).map(|(name, _)| name.as_str()).collect();
    let headers = (!headers.is_empty()).then(|| view! { <p class="plain-facts">"Headers: " {headers.join(", ")}</p> });
    let said = problems.is_empty().then(|| view! { <p>{with_code(text(&it["description"]))}</p> });
    [words("dt", "", status), view! { <dd>{forms.collect::<Vec<_>>()} {said} {problems} {headers}</dd> }.into_any()]
}

/// Draws an example that can be copied. The first language is unfolded.
fn snippet(name: &str, language: &str, code: &str) -> AnyView {
    let id = format!("{name}-{language}");
    let is_first = language == LANGUAGES[0].0;
    view! {
        <details class="contract-example" open=is_first>
            <summary>{language.to_owned()}</summary>
            <div class="secret">
                <pre class="code" id=id.clone() tabindex="0" role="group" aria-label=format!("{name} with {language}")>{code.to_owned()}</pre>
                <button class="button needs-script" type="button" data-copy=id aria-label=format!("Copy {name} with {language}")>"Copy"</button>
            </div>
        </details>
    }
    .into_any()
}
