//! `/settings/queues`: admins add queues and change them. Plain forms, which work without any script; what is refused comes
//! back as it was typed, with the sentence why.

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    app::pages::{
        frame,
        settings::queues::{QueueForm, queues as page},
    },
    domain::{
        deadline::{LONGEST, SHORTEST, Within},
        ids::QueueId,
        queue::{Defaults, Members, QueueRef, Urgency},
        refusal::Refusal,
        text::{Name, NoteText, TextProblem},
        time::Span,
    },
    server::{
        error::Error,
        store::{
            operators,
            queues::{self, Queue},
        },
        web::{
            Web,
            forms::Fields,
            session::SignedIn,
            sign_in::{failed, see_other},
        },
    },
};

/// Its address.
pub const ADDRESS: &str = "/settings/queues";

/// `GET /settings/queues`
pub async fn show(State(web): State<Web>, Extension(admin): Extension<SignedIn>) -> Response {
    drawn(&web, &admin, StatusCode::OK, QueueForm::default()).await
}

/// `POST /settings/queues`
pub async fn add(State(web): State<Web>, Extension(admin): Extension<SignedIn>, fields: Fields) -> Response {
    saved(&web, &admin, typed(None, &fields)).await
}

/// `POST /settings/queues/{id}`
pub async fn change(
    State(web): State<Web>,
    Extension(admin): Extension<SignedIn>,
    Path(id): Path<String>,
    fields: Fields,
) -> Response {
    saved(&web, &admin, typed(Some(id), &fields)).await
}

async fn saved(web: &Web, admin: &SignedIn, typed: QueueForm) -> Response {
    match save(web, admin, &typed).await {
        Ok(()) => see_other(ADDRESS),
        Err(Error::Refused { refusal: Refusal::NotFound, .. }) => {
            (StatusCode::NOT_FOUND, "There is no such queue.\n").into_response()
        }
        Err(Error::Refused { refusal, .. }) => {
            let why = match refusal {
                Refusal::InvalidFields { problems } => problems.into_iter().map(|it| it.detail).collect(),
                other => other.to_string(),
            };
            drawn(web, admin, StatusCode::UNPROCESSABLE_ENTITY, QueueForm { refused: Some(why), ..typed }).await
        }
        Err(fault) => failed(fault),
    }
}

async fn save(web: &Web, admin: &SignedIn, typed: &QueueForm) -> Result<(), Error> {
    let (store, workspace, now) = (web.desk.store(), admin.workspace, web.desk.clock().now());
    let name =
        Name::parse(typed.name.trim()).map_err(|problem| Refusal::field("/name", format!("A name {problem}.")))?;
    let queue = match &typed.id {
        Some(id) => Some(read(id.parse().map_err(|_| Refusal::NotFound)?, name.clone(), typed)?),
        None => None,
    };
    let write = store.write(move |tx| {
        Box::pin(async move {
            match &queue {
                Some(queue) => queues::change(tx, workspace, queue).await,
                None => queues::add(tx, workspace, &name, now).await.map(drop),
            }
        })
    });
    write.await
}

/// A form as it was typed.
fn typed(id: Option<String>, fields: &Fields) -> QueueForm {
    let of = |name: &str| fields.get(name).to_owned();
    QueueForm {
        id,
        name: of("name"),
        keeps_name: false,
        urgency: of("urgency"),
        claim_within: of("claim_within"),
        resolve_within: of("resolve_within"),
        expire_after: of("expire_after"),
        // Browsers end lines as the network does.
        expiry_note: of("expiry_note").replace("\r\n", "\n"),
        members: fields.0.iter().filter(|(field, _)| field == "member").map(|(_, value)| value.clone()).collect(),
        refused: None,
    }
}

/// What a form means.
fn read(id: QueueId, name: Name, typed: &QueueForm) -> Result<Queue, Refusal> {
    let urgency = Urgency::ALL.into_iter().find(|it| it.as_str() == typed.urgency);
    let expiry_note = match NoteText::parse(typed.expiry_note.as_str()) {
        Ok(note) => Some(note),
        Err(TextProblem::Empty) => None,
        Err(problem) => return Err(Refusal::field("/expiry_note", format!("What the agent is told {problem}."))),
    };
    let within = Within {
        claim: span("Claim within", &typed.claim_within)?,
        resolve: span("Resolve within", &typed.resolve_within)?,
        expire: span("Expire after", &typed.expire_after)?,
    };
    let members = typed.members.iter().filter_map(|id| id.parse().ok()).collect();
    Ok(Queue {
        itself: QueueRef { id, name },
        defaults: Defaults { urgency, within, expiry_note },
        members: Members(members),
    })
}

fn span(label: &str, typed: &str) -> Result<Option<Span>, Refusal> {
    let range = SHORTEST.0 / 1_000..=LONGEST.0 / 1_000;
    match typed.trim() {
        "" => Ok(None),
        text => match text.parse().ok().filter(|seconds| range.contains(seconds)) {
            Some(seconds) => Ok(Some(Span::seconds(seconds))),
            None => {
                let sentence = format!("{label} is {} to {} whole seconds, or empty.", range.start(), range.end());
                Err(Refusal::field("/within", sentence))
            }
        },
    }
}

/// A queue as its form has it.
fn form(queue: Queue) -> QueueForm {
    let Queue { itself, defaults: Defaults { urgency, within, expiry_note }, members } = queue;
    let seconds = |span: Option<Span>| span.map(|it| (it.0 / 1_000).to_string()).unwrap_or_default();
    QueueForm {
        id: Some(itself.id.to_string()),
        keeps_name: itself.name.as_str() == queues::DEFAULT,
        name: itself.name.to_string(),
        urgency: urgency.map(Urgency::as_str).unwrap_or_default().to_owned(),
        claim_within: seconds(within.claim),
        resolve_within: seconds(within.resolve),
        expire_after: seconds(within.expire),
        expiry_note: expiry_note.map(|it| it.to_string()).unwrap_or_default(),
        members: members.0.into_iter().map(|it| it.to_string()).collect(),
        refused: None,
    }
}

/// The page, on which one form stands as it was typed: that of its queue, or of the one to be added.
async fn drawn(web: &Web, admin: &SignedIn, status: StatusCode, typed: QueueForm) -> Response {
    let (store, workspace) = (web.desk.store(), admin.workspace);
    let read = async { Ok((queues::settings(store, workspace).await?, operators::targets(store, workspace).await?)) };
    let (all, targets) = match read.await {
        Ok(read) => read,
        Err(error) => return failed(error),
    };
    let mut forms: Vec<QueueForm> = all.into_iter().map(form).collect();
    match forms.iter_mut().find(|form| form.id == typed.id) {
        Some(form) => *form = QueueForm { keeps_name: form.keeps_name, ..typed },
        None => forms.push(typed),
    }
    if forms.iter().all(|form| form.id.is_some()) {
        forms.push(QueueForm::default());
    }
    let people = targets.colleagues.into_iter().map(|it| (it.operator.id.to_string(), it.operator.name.to_string()));
    let people: Vec<_> = people.collect();
    let draw = || frame::page(&admin.operator, ADDRESS, "Queues", None, page(forms, &people));
    web.page(status, admin.preferences, "Queues · Bailout", draw)
}
