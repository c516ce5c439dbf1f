//! `GET /search`: operators look for what was said. A page of its own, drawn anew for each search.

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    WebState,
    session::SignedIn,
    sign_in::{encoded, failed},
};
use crate::{
    app::pages::{self, search::SearchView},
    domain::ids::WorkspaceId,
    server::{
        error::Error,
        store::search::{SearchQuery, find},
        words::SearchTerms,
    },
};

/// `?q=…&status=open&agent=agt_…&before=…`; an empty field is as if it were not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SearchParams {
    q: String,
    status: String,
    agent: String,
    before: String,
}

impl SearchParams {
    /// What to look for; none when there is no word. A field that cannot be read is refused.
    fn search(&self) -> Result<Option<SearchQuery>, Unreadable> {
        let given = |text: &'_ str| (!text.is_empty()).then_some(text.to_owned());
        let open = match self.status.as_str() {
            "" => None,
            "open" => Some(true),
            "closed" => Some(false),
            _ => return Err(Unreadable),
        };
        let agent = given(&self.agent).map(|id| id.parse().map_err(|_| Unreadable)).transpose()?;
        let before = given(&self.before).map(|place| place.parse().map_err(|_| Unreadable)).transpose()?;
        Ok(SearchTerms::read(&self.q).map(|asked| SearchQuery { asked, open, agent, before }))
    }

    /// The address of the page that begins there.
    fn from(&self, before: i64) -> String {
        let Self { q, status, agent, .. } = self;
        format!("/search?q={}&status={status}&agent={agent}&before={before}", encoded(q))
    }
}

/// The address names no search.
struct Unreadable;

/// Draws the page.
pub async fn search(
    State(web): State<WebState>,
    Extension(signed_in): Extension<SignedIn>,
    fields: Result<Query<SearchParams>, QueryRejection>,
) -> Response {
    let read = fields.map_err(|_| Unreadable).and_then(|Query(fields)| Ok((fields.search()?, fields)));
    let Ok((search, fields)) = read else {
        return (StatusCode::BAD_REQUEST, "This address names no search. Begin at /search.\n").into_response();
    };
    let workspace = signed_in.workspace;
    match searched(&web, workspace, fields, search).await {
        Ok(searched) => web.page(StatusCode::OK, signed_in.preferences, "Search · Bailout", || {
            pages::search::search(&signed_in.operator, searched)
        }),
        Err(error) => failed(error),
    }
}

/// Looks, in the workspace of whoever asks.
async fn searched(
    web: &WebState,
    workspace: WorkspaceId,
    fields: SearchParams,
    search: Option<SearchQuery>,
) -> Result<SearchView, Error> {
    let agents = web.desk.choices(workspace).await?.agents;
    let found = match search {
        Some(search) => Some(find(web.desk.store(), workspace, search).await?),
        // What holds no word finds nothing; nothing typed asks for nothing.
        None => (!fields.q.trim().is_empty()).then(Default::default),
    };
    let more = found.as_ref().and_then(|found| Some(fields.from(found.more?)));
    // U+0000 can stand in no document.
    let text = fields.q.replace('\0', "");
    Ok(SearchView { text, status: fields.status, agent: fields.agent, agents, found, more })
}
