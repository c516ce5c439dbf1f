//! The pages that explain the problems of the agents' API. Anybody may read them.

use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use leptos::prelude::*;

use super::with_code;
use crate::{
    app::parts::drawn::{element, words},
    domain::operator::Preferences,
    server::{
        contract::{ProblemCode, problem_path},
        site::{frame::public_page, unknown::nothing_here, web_state::WebState},
    },
};

/// `GET /docs/problems`
pub async fn all(State(web): State<WebState>) -> Response {
    web.page(StatusCode::OK, Preferences::default(), "Problems · Bailout", || {
        let codes = ProblemCode::ALL.iter().map(|problem| {
            let (status, code, title) = problem.facts();
            view! {
                <li>
                    <a href=problem_path(code)>{title}</a>
                    <span class="plain-facts"><code>{code}</code> " · " {status}</span>
                </li>
            }
        });
        public_page(
            "Problems of the API",
            vec![
                words("p", "", "Every answer that is not a success is a problem (RFC 9457). Branch on its code."),
                element("ul", "plain-list", vec![codes.collect::<Vec<_>>().into_any()]),
            ],
        )
    })
}

/// `GET /docs/problems/{code}`
pub async fn one(State(web): State<WebState>, Path(named): Path<String>, request: Request) -> Response {
    let named = ProblemCode::ALL.iter().find(|problem| problem.facts().1.replace('_', "-") == named);
    let Some(problem) = named else { return nothing_here(&web, &request) };
    web.page(StatusCode::OK, Preferences::default(), "Problem · Bailout", || {
        let (status, code, title) = problem.facts();
        public_page(
            title,
            vec![
                view! { <p class="plain-facts"><code>{code}</code> " · status " {status}</p> }.into_any(),
                element("p", "", with_code(problem.help())),
                view! { <p><a href="/docs/problems">"All problems"</a> " · " <a href="/docs/api">"The API"</a></p> }
                    .into_any(),
            ],
        )
    })
}
