//! `GET /search`: the page on which operators search the text of escalations. The server draws it anew for each search.

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use leptos::prelude::*;
use serde::Deserialize;

use crate::{
    app::parts::{pairs::sentence_case, revealed::revealed},
    domain::{
        found::{SearchHit, SearchPage},
        ids::WorkspaceId,
        inbox::{FilterChoice, Row},
        operator::Operator,
        time::Span,
    },
    server::{
        error::Error,
        site::{frame::page, respond::failed, session::SignedIn, sign_in::encoded, web_state::WebState},
        store::search::{SearchQuery, find},
        words::terms::SearchTerms,
    },
};

/// The query parameters: `?q=…&status=open&agent=agt_…&before=…`. An empty field counts as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SearchParams {
    q: String,
    status: String,
    agent: String,
    before: String,
}

impl SearchParams {
    /// Parses the query; `None` when there is no word. Refuses a field that cannot be read.
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

    /// Returns the address of the page that begins at a cursor.
    fn from(&self, before: i64) -> String {
        let Self { q, status, agent, .. } = self;
        format!("/search?q={}&status={status}&agent={agent}&before={before}", encoded(q))
    }
}

/// The error for an address that names no search.
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
            draw_search(&signed_in.operator, searched)
        }),
        Err(error) => failed(error),
    }
}

/// Runs the search in a workspace.
async fn searched(
    web: &WebState,
    workspace: WorkspaceId,
    fields: SearchParams,
    search: Option<SearchQuery>,
) -> Result<SearchView, Error> {
    let agents = web.desk.filter_choices(workspace).await?.agents;
    let found = match search {
        Some(search) => Some(find(web.desk.store(), workspace, search).await?),
        // A text without any word finds nothing. Without a text there is no search.
        None => (!fields.q.trim().is_empty()).then(Default::default),
    };
    let more = found.as_ref().and_then(|found| Some(fields.from(found.more?)));
    // An HTML document cannot contain U+0000.
    let text = fields.q.replace('\0', "");
    Ok(SearchView { text, status: fields.status, agent: fields.agent, agents, found, more })
}

/// How many excerpts of one escalation a result shows.
const MOST_EXCERPTS: usize = 3;

/// The values of the search form, and the results.
#[derive(Debug, Clone, Default)]
pub struct SearchView {
    pub text: String,
    /// `open`, `closed`, or empty for both.
    pub status: String,
    /// An agent's id, or empty for all.
    pub agent: String,
    pub agents: Vec<FilterChoice>,
    /// `None` when there was no search.
    pub found: Option<SearchPage>,
    /// The address of the next page.
    pub more: Option<String>,
}

/// Draws the page.
pub fn draw_search(operator: &Operator, searched: SearchView) -> AnyView {
    let SearchView { text, status, agent, agents, found, more } = searched;
    let states = [("", "Open and closed"), ("open", "Open"), ("closed", "Closed")];
    let states = states.map(|(value, label)| option(value, label, &status));
    let every = option("", "Every agent", &agent);
    let agents = agents.iter().map(|it| option(&it.value, &it.label, &agent));
    let form = view! {
        <form class="plain-form" method="get" action="/search" role="search">
            <div class="field">
                <label class="field-label" for="q">"Search"</label>
                <input class="input" id="q" name="q" type="text" value=text maxlength="200" autocomplete="off" autofocus=true/>
            </div>
            <select class="input" name="status" aria-label="State">{states}</select>
            <select class="input" name="agent" aria-label="Agent">
                {std::iter::once(every).chain(agents).collect::<Vec<_>>()}
            </select>
            <button class="button" data-kind="primary" type="submit">"Search"</button>
        </form>
    };
    page(operator, "/search", "Search", None, vec![form.into_any(), results(found, more)])
}

fn option(value: &str, label: &str, chosen: &str) -> AnyView {
    let (value, chosen) = (value.to_owned(), value == chosen);
    view! { <option value=value selected=chosen>{revealed(label)}</option> }.into_any()
}

fn results(found: Option<SearchPage>, more: Option<String>) -> AnyView {
    let Some(SearchPage { hits, is_indexing, .. }) = found else {
        return view! {
            <p class="plain-facts">
                "Finds messages, notes, reasons, summaries, customers, facts, tool calls and their results that have all of \
                 the words. The last one may be the beginning of a word; case, accents and hyphens do not matter."
            </p>
        }
        .into_any();
    };
    let indexing = is_indexing.then(|| {
        view! {
            <p class="plain-facts" role="status">
                "The search index is being rebuilt after an upgrade. Some older results may be missing until it is done."
            </p>
        }
    });
    if hits.is_empty() {
        return view! {
            {indexing}
            <p class="plain-facts" role="status">
                "Nothing was found. Try fewer words, or the beginning of one; all of them must be in the same text. Or look \
                 among open and closed ones, of every agent."
            </p>
        }
        .into_any();
    }
    view! {
        {indexing}
        <ol class="search-results" aria-label="Results">{grouped(hits).into_iter().map(line).collect::<Vec<_>>()}</ol>
        {more.map(|more| view! { <a class="button" href=more>"Older results"</a> })}
    }
    .into_any()
}

/// The excerpts around the matches: each has pieces, with whether a piece is a match.
type Excerpts = Vec<Vec<(String, bool)>>;

/// Groups the hits by escalation, each at the position of its newest hit.
fn grouped(hits: Vec<SearchHit>) -> Vec<(Row, Excerpts)> {
    let mut grouped: Vec<(Row, Excerpts)> = vec![];
    for SearchHit { row, snippet } in hits {
        match grouped.iter_mut().find(|(known, _)| known.id == row.id) {
            Some((_, excerpts)) => excerpts.push(snippet),
            None => grouped.push((row, vec![snippet])),
        }
    }
    grouped
}

/// Draws one result: title, state, reason, agent, and some of the excerpts.
fn line((row, excerpts): (Row, Excerpts)) -> AnyView {
    let (did, at) = match row.closed_at {
        Some(closed) => (row.status.label(), closed),
        None => ("Opened", row.opened_at),
    };
    let when = at.date(Span(0)) + " " + &at.clock_time(Span(0)) + " UTC";
    let piece = |(text, is_marked): &(String, bool)| match is_marked {
        true => view! { <mark>{revealed(text)}</mark> }.into_any(),
        false => revealed(text),
    };
    let texts = excerpts.iter().take(MOST_EXCERPTS).map(|it| it.iter().map(piece).collect::<Vec<_>>());
    let texts = texts.map(|pieces| view! { <span class="search-text" dir="auto">{pieces}</span> }.into_any());
    view! {
        <li class="row">
            <a class="row-link" href=format!("/e/{}", row.id)>
                <span class="row-line">
                    <span class="row-title" dir="auto">{revealed(&row.title)}</span>
                    <span class="row-wait">{did} " " {when}</span>
                </span>
                <span class="row-line">
                    <span class="row-meta">
                        {sentence_case(&row.reason)} " "
                        <span class="row-agent">"· " {revealed(row.agent.name.as_str())}</span>
                    </span>
                    <span class="row-marks">
                        {row.agent.test.then_some("Test ")}
                        {row.closed_at.is_none().then(|| row.status.label())}
                    </span>
                </span>
                {texts.collect::<Vec<_>>()}
            </a>
        </li>
    }
    .into_any()
}
