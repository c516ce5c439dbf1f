//! `/settings/queues`: the page on which admins add, change and remove queues. Its plain forms work without any script.
//! A refused form is drawn again as it was typed, with the reason.

pub mod view;

use axum::{
    Extension,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::spans;
use crate::{
    domain::{
        deadline::{LONGEST, RequestedDeadlines, SHORTEST},
        field_problem::FieldProblem,
        ids::QueueId,
        queue::{QueueDefaults, QueueMembers, QueueRef, Urgency},
        refusal::Refusal,
        text::{Name, NoteText, TextProblem},
        time::Span,
    },
    server::{
        error::Error,
        site::{
            forms::FormFields,
            frame::{self, FormNotice},
            respond::{failed, see_other},
            session::SignedIn,
            settings::queues::view::{PATH, QueueForm, queues as page},
            web_state::WebState,
        },
        store::{
            operators,
            queues::{self, QueueSettings},
        },
    },
};

/// The address to redirect to after a form was saved.
const SAVED: &str = "/settings/queues?saved";

/// The query parameters of the page.
#[derive(Default, Deserialize)]
pub struct QueuesPageParams {
    saved: Option<String>,
}

/// `GET /settings/queues`
pub async fn show(
    State(web): State<WebState>,
    Extension(admin): Extension<SignedIn>,
    asked: Result<Query<QueuesPageParams>, QueryRejection>,
) -> Response {
    let Query(asked) = asked.unwrap_or_default();
    let said = asked.saved.map(|_| FormNotice::Done("Saved."));
    drawn(&web, &admin, StatusCode::OK, QueueForm::default(), said).await
}

/// `POST /settings/queues`
pub async fn add(State(web): State<WebState>, Extension(admin): Extension<SignedIn>, fields: FormFields) -> Response {
    saved(&web, &admin, typed(None, &fields)).await
}

/// `POST /settings/queues/{id}`
pub async fn change(
    State(web): State<WebState>,
    Extension(admin): Extension<SignedIn>,
    Path(id): Path<String>,
    fields: FormFields,
) -> Response {
    saved(&web, &admin, typed(Some(id), &fields)).await
}

/// `POST /settings/queues/{id}/remove`
pub async fn remove(
    State(web): State<WebState>,
    Extension(admin): Extension<SignedIn>,
    Path(id): Path<String>,
) -> Response {
    let removed = take_out(&web, &admin, &id).await;
    let draw =
        async |status, why| drawn(&web, &admin, status, QueueForm::default(), Some(FormNotice::Refused(why))).await;
    answer(removed, PATH, draw).await
}

async fn take_out(web: &WebState, admin: &SignedIn, id: &str) -> Result<(), Error> {
    let (workspace, now) = (admin.workspace, web.desk.clock().now());
    let id = id.parse().map_err(|_| Refusal::NotFound)?;
    let write = web.desk.store().write(move |tx| Box::pin(async move { queues::remove(tx, workspace, id, now).await }));
    write.await
}

async fn saved(web: &WebState, admin: &SignedIn, typed: QueueForm) -> Response {
    let saved = save(web, admin, &typed).await;
    let draw = async |status, why| drawn(web, admin, status, QueueForm { refused: Some(why), ..typed }, None).await;
    answer(saved, SAVED, draw).await
}

/// Redirects `to` a page on success. Otherwise responds with 404, or draws the page with the reasons of the refusal.
async fn answer(done: Result<(), Error>, to: &str, draw: impl AsyncFnOnce(StatusCode, String) -> Response) -> Response {
    match done {
        Ok(()) => see_other(to),
        Err(Error::Refused { refusal: Refusal::NotFound, .. }) => {
            (StatusCode::NOT_FOUND, "There is no such queue.\n").into_response()
        }
        Err(Error::Refused { refusal, .. }) => {
            let why = match refusal {
                Refusal::InvalidFields { problems } => {
                    problems.into_iter().map(|it| it.detail).collect::<Vec<_>>().join(" ")
                }
                other => other.to_string(),
            };
            draw(StatusCode::UNPROCESSABLE_ENTITY, why).await
        }
        Err(fault) => failed(fault),
    }
}

async fn save(web: &WebState, admin: &SignedIn, typed: &QueueForm) -> Result<(), Error> {
    let (store, workspace, now) = (web.desk.store(), admin.workspace, web.desk.clock().now());
    let Some(id) = &typed.id else {
        let name = name(typed).map_err(|problem| Refusal::InvalidFields { problems: vec![problem] })?;
        let write =
            store.write(move |tx| Box::pin(async move { queues::add(tx, workspace, &name, now).await.map(drop) }));
        return write.await;
    };
    let queue = read(id.parse().map_err(|_| Refusal::NotFound)?, typed)?;
    let write = store.write(move |tx| Box::pin(async move { queues::change(tx, workspace, &queue).await }));
    write.await
}

/// Reads a form as it was typed.
fn typed(id: Option<String>, fields: &FormFields) -> QueueForm {
    let of = |name: &str| fields.get(name).to_owned();
    QueueForm {
        id,
        name: of("name"),
        is_default: false,
        former_names: vec![],
        urgency: of("urgency"),
        claim_within: of("claim_within"),
        resolve_within: of("resolve_within"),
        expire_after: of("expire_after"),
        // Browsers send line ends as CRLF.
        expiry_note: of("expiry_note").replace("\r\n", "\n"),
        members: fields.0.iter().filter(|(field, _)| field == "member").map(|(_, value)| value.clone()).collect(),
        refused: None,
    }
}

/// Parses a form. Returns all of its problems when it is invalid.
fn read(id: QueueId, typed: &QueueForm) -> Result<QueueSettings, Refusal> {
    let mut problems = vec![];
    let name = name(typed).map_err(|it| problems.push(it)).ok();
    let mut span = |label, text| span(label, text).map_err(|it| problems.push(it)).ok().flatten();
    let within = RequestedDeadlines {
        claim: span("Claim within", &typed.claim_within),
        resolve: span("Resolve within", &typed.resolve_within),
        expire: span("Expire after", &typed.expire_after),
    };
    for (label, span) in [("Claim within", within.claim), ("Resolve within", within.resolve)] {
        if span.zip(within.expire).is_some_and(|(span, end)| span > end) {
            let sentence = format!("{label} is longer than Expire after: it would have expired by then.");
            problems.push(FieldProblem::new("/within", sentence));
        }
    }
    let expiry_note = note(typed).map_err(|it| problems.push(it)).ok().flatten();
    let Some(name) = name.filter(|_| problems.is_empty()) else { return Err(Refusal::InvalidFields { problems }) };
    let urgency = Urgency::named(&typed.urgency);
    let members = typed.members.iter().filter_map(|id| id.parse().ok()).collect();
    Ok(QueueSettings {
        itself: QueueRef { id, name },
        defaults: QueueDefaults { urgency, within, expiry_note },
        members: QueueMembers(members),
    })
}

fn name(typed: &QueueForm) -> Result<Name, FieldProblem> {
    Name::parse(typed.name.trim()).map_err(|problem| FieldProblem::new("/name", format!("A name {problem}.")))
}

fn note(typed: &QueueForm) -> Result<Option<NoteText>, FieldProblem> {
    match NoteText::parse(typed.expiry_note.as_str()) {
        Ok(note) => Ok(Some(note)),
        Err(TextProblem::Empty) => Ok(None),
        Err(problem) => Err(FieldProblem::new("/expiry_note", format!("What the agent is told {problem}."))),
    }
}

fn span(label: &str, typed: &str) -> Result<Option<Span>, FieldProblem> {
    if typed.trim().is_empty() {
        return Ok(None);
    }
    let span = spans::read(typed).filter(|span| (SHORTEST..=LONGEST).contains(span));
    let sentence = || {
        let (shortest, longest) = (spans::written(SHORTEST), spans::written(LONGEST));
        format!("{label} is a time with its unit, as 90 s, 15 min, 2 h or 1 d: {shortest} to {longest}, or empty.")
    };
    span.map(Some).ok_or_else(|| FieldProblem::new("/within", sentence()))
}

/// Fills the form of a queue from its settings.
fn form(queue: QueueSettings) -> QueueForm {
    let QueueSettings { itself, defaults: QueueDefaults { urgency, within, expiry_note }, members } = queue;
    let written = |span: Option<Span>| span.map(spans::written).unwrap_or_default();
    QueueForm {
        id: Some(itself.id.to_string()),
        is_default: itself.name.as_str() == queues::DEFAULT,
        former_names: vec![],
        name: itself.name.to_string(),
        urgency: urgency.map(Urgency::as_str).unwrap_or_default().to_owned(),
        claim_within: written(within.claim),
        resolve_within: written(within.resolve),
        expire_after: written(within.expire),
        expiry_note: expiry_note.map(|it| it.to_string()).unwrap_or_default(),
        members: members.0.into_iter().map(|it| it.to_string()).collect(),
        refused: None,
    }
}

/// Draws the page. The form of the queue in `typed`, or of the queue to be added, is drawn as it was typed.
async fn drawn(
    web: &WebState,
    admin: &SignedIn,
    status: StatusCode,
    typed: QueueForm,
    said: Option<FormNotice>,
) -> Response {
    let (store, workspace) = (web.desk.store(), admin.workspace);
    let read = async {
        let former = queues::former_names(store, workspace).await?;
        let (all, removed) = (queues::settings(store, workspace).await?, queues::removed(store, workspace).await?);
        Ok((all, removed, former, operators::targets(store, workspace, web.desk.clock().now()).await?.colleagues))
    };
    let (all, removed, former, colleagues) = match read.await {
        Ok(read) => read,
        Err(error) => return failed(error),
    };
    let mut forms: Vec<QueueForm> = all.into_iter().map(form).collect();
    match forms.iter_mut().find(|form| form.id == typed.id) {
        Some(form) => *form = QueueForm { is_default: form.is_default, ..typed },
        None => forms.push(typed),
    }
    if forms.iter().all(|form| form.id.is_some()) {
        forms.push(QueueForm::default());
    }
    let shown = |it: QueueRef| (it.id.to_string(), it.name.to_string());
    for (id, name) in former.into_iter().map(shown) {
        if let Some(form) = forms.iter_mut().find(|form| form.id.as_deref() == Some(&id)) {
            form.former_names.push(name);
        }
    }
    let removed: Vec<_> = removed.into_iter().map(shown).collect();
    let people = colleagues.into_iter().map(|it| (it.operator.id.to_string(), it.operator.name.to_string()));
    let people: Vec<_> = people.collect();
    let draw = || frame::page(&admin.operator, PATH, "Queues", said, page(forms, &removed, &people));
    web.page(status, admin.preferences, "Queues · Bailout", draw)
}
