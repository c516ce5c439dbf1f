//! Links that work once: `/set-up/…`, `/invite/…` and `/reset/…`. Whoever has one is let in; a link is used up in the same
//! transaction, so that of two who come at once one gets in.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header::SET_COOKIE, request::Parts},
    response::Response,
    routing::get,
};
use sqlx::AnyConnection;

use super::{
    Web,
    forms::{Denied, Fields},
    origin::{self, Side, side},
    session::{Begun, cookie_of},
    settings::agents::{fresh, mint as mint_key},
    sign_in::{HOME, INSECURE, failed, see_other},
};
use crate::{
    app::pages::{frame::Notice, join as page, set_up},
    domain::{
        ids::{OperatorId, WorkspaceId},
        operator::{Operator, OperatorRef, Preferences, Role},
        text::Name,
        time::Timestamp,
    },
    server::{
        clock::mint,
        desk::Desk,
        error::Error,
        keys::ApiKey,
        password::SHORTEST,
        secret::{Secret, digest},
        store::{
            agents,
            links::{self, Link, Purpose},
            operators::{self, Email},
            people, sessions, workspaces,
        },
    },
};

/// The name of the agent that the set-up adds.
const FIRST_AGENT: &str = "first-agent";

/// The pages, open to everybody.
pub fn routes() -> Router<Web> {
    Router::new()
        .route("/set-up/{token}", get(show).post(enter))
        .route("/invite/{token}", get(show).post(enter))
        .route("/reset/{token}", get(show).post(enter))
}

/// The link of an address, when it is good for what the address says.
async fn good(web: &Web, uri: &Uri, token: &str) -> Result<Option<Link>, Error> {
    let link = links::find(web.desk.store(), &digest(token), web.desk.clock().now()).await?;
    Ok(link.filter(|link| uri.path().starts_with(path(link.purpose))))
}

fn path(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SetUp => "/set-up/",
        Purpose::Invite(_) => "/invite/",
        Purpose::Reset(_) => "/reset/",
    }
}

/// The form behind a link.
async fn show(State(web): State<Web>, Path(token): Path<String>, uri: Uri) -> Response {
    match good(&web, &uri, &token).await {
        Ok(Some(link)) => form(&web, StatusCode::OK, link.purpose, &page::Typed::default(), None),
        Ok(None) => spent(&web),
        Err(error) => failed(error),
    }
}

fn spent(web: &Web) -> Response {
    web.page(StatusCode::NOT_FOUND, Preferences::default(), "This link does not work · Bailout", page::spent)
}

fn form(web: &Web, status: StatusCode, purpose: Purpose, typed: &page::Typed, refused: Option<Notice>) -> Response {
    let length = format!("Choose a password of {SHORTEST} characters or more.");
    let page = |title, draw: Box<dyn FnOnce() -> _ + '_>| web.page(status, Preferences::default(), title, draw);
    match purpose {
        Purpose::SetUp => {
            let why = format!("You are the first one here, and become its admin. {length}");
            let draw = move || page::newcomer("Set up Bailout", why, "Set up", typed, refused);
            page("Set up · Bailout", Box::new(draw))
        }
        Purpose::Invite(role) => {
            let why = format!("You are invited as {role}. {length}");
            let draw = move || page::newcomer("Join Bailout", why, "Join", typed, refused);
            page("Join · Bailout", Box::new(draw))
        }
        Purpose::Reset(_) => {
            let why = format!("{length} Your other sessions end.");
            page("New password · Bailout", Box::new(move || page::reset(why, refused)))
        }
    }
}

/// Takes the form behind a link.
async fn enter(
    State(web): State<Web>,
    Path(token): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    parts: Parts,
    fields: Fields,
) -> Response {
    let link = match good(&web, &uri, &token).await {
        Ok(Some(link)) => link,
        Ok(None) => return spent(&web),
        Err(error) => return failed(error),
    };
    let side = side(&web.settings, &headers, &uri);
    let entered = match side {
        Side::Plain => Err(Denied::said(INSECURE)),
        Side::Https | Side::Loopback(_) => entered(&web, &link, &parts, &fields).await,
    };
    match entered {
        Ok(Some(entered)) => {
            let mut response = match &entered.key {
                Some(key) => ready(&web, &entered, key, &origin::ours(&web.settings, &headers, &uri)).await,
                None => see_other(HOME),
            };
            response.headers_mut().extend(cookie_of(side, &entered.secret).map(|cookie| (SET_COOKIE, cookie)));
            response
        }
        // Somebody else was first.
        Ok(None) => spent(&web),
        Err(denied) => {
            let typed = page::Typed { name: fields.get("name").to_owned(), email: fields.get("email").to_owned() };
            denied.answer(async |status, why| form(&web, status, link.purpose, &typed, Some(why))).await
        }
    }
}

/// Somebody who was let in.
struct Entered {
    workspace: WorkspaceId,
    /// Opens their session.
    secret: Secret,
    /// Who they are, when they are new.
    newcomer: Option<Newcomer>,
    /// The first agent's.
    key: Option<ApiKey>,
}

/// Somebody who joins.
#[derive(Clone)]
struct Newcomer {
    operator: Operator,
    email: Email,
}

/// Uses a link up and lets its holder in; nobody when the link was used up meanwhile.
async fn entered(web: &Web, link: &Link, parts: &Parts, fields: &Fields) -> Result<Option<Entered>, Denied> {
    let (workspace, name) = (link.workspace, |role| newcomer(fields, role));
    let newcomer = match link.purpose {
        Purpose::SetUp => Some(name(Role::Admin)?),
        Purpose::Invite(role) => Some(name(role)?),
        Purpose::Reset(_) => None,
    };
    let password = fields.new_password("password")?;
    let hash = web.checker.place()?.hash(password).await?;
    let key = (link.purpose == Purpose::SetUp).then(mint_key).transpose()?;
    let (secret, begun) = Begun::at(web, parts).await?;
    let (used, joins) = (link.digest.clone(), newcomer.clone());
    let write = web.desk.store().write(move |tx| {
        Box::pin(async move {
            // One after the other, whichever link they have: there is one first admin.
            workspaces::lock_head(tx, workspace).await?;
            let Some(link) = links::take(tx, &used, begun.now).await? else { return Ok(None) };
            let ended = let_in(tx, &link, joins, &hash, &begun).await?;
            let Some(key) = key else { return Ok(Some((None, ended))) };
            let name = Name::parse(FIRST_AGENT).map_err(|problem| Error::Internal(problem.to_string()))?;
            // An agent of that name may have a key already, from a shell: then there is none to show.
            let added = agents::add(tx, workspace, &name, &key, begun.now).await?;
            Ok::<_, Denied>(Some((added.map(|_| key), ended)))
        })
    });
    let Some((key, ended)) = write.await? else { return Ok(None) };
    web.close_sessions(ended);
    Ok(Some(Entered { workspace, secret, newcomer, key }))
}

/// Adds a newcomer, or gives the one whose link it is their new password, and begins a session; which others ended.
async fn let_in(
    tx: &mut AnyConnection,
    link: &Link,
    newcomer: Option<Newcomer>,
    hash: &str,
    begun: &Begun,
) -> Result<Vec<[u8; 32]>, Denied> {
    let (id, mut ended) = match (newcomer, link.purpose) {
        (Some(Newcomer { operator, email }), Purpose::SetUp | Purpose::Invite(_)) => {
            if !operators::add(tx, link.workspace, &operator, &email, hash, begun.now).await? {
                return Err(Denied::said("Somebody with this e-mail address is here already."));
            }
            (operator.who.id, vec![])
        }
        (_, Purpose::Reset(id)) => {
            people::set_password(tx, link.workspace, id, hash).await?;
            (id, sessions::end_all(tx, link.workspace, id, None).await?)
        }
        (None, _) => return Err(Error::Internal("a link changed what it is for".into()).into()),
    };
    ended.extend(begun.begin(tx, link.workspace, id).await?);
    Ok(ended)
}

fn newcomer(fields: &Fields, role: Role) -> Result<Newcomer, Denied> {
    let name = fields.name("name", "A name")?;
    let who = OperatorRef { id: OperatorId::new(mint()), public_name: name.clone(), name };
    Ok(Newcomer { operator: Operator { who, role }, email: fields.email()? })
}

/// The page after the set-up.
async fn ready(web: &Web, entered: &Entered, key: &ApiKey, origin: &str) -> Response {
    let Some(Newcomer { operator, .. }) = &entered.newcomer else { return see_other(HOME) };
    let head = match web.desk.head(entered.workspace).await {
        Ok(head) => head,
        Err(error) => return failed(error),
    };
    let fresh = match Name::parse(FIRST_AGENT) {
        Ok(agent) => fresh(agent, key, origin),
        Err(problem) => return failed(Error::Internal(problem.to_string())),
    };
    let after = format!("{}.{head}", web.desk.store().epoch());
    web.page(StatusCode::OK, Preferences::default(), "Bailout is set up", || set_up::ready(operator, &fresh, after))
}

/// A link to set the installation up, while nobody is there; earlier ones are revoked.
pub async fn set_up_link(desk: &Desk) -> Result<Option<Secret>, Error> {
    let secret = Secret::mint()?;
    let (digest, now) = (secret.digest(), desk.clock().now());
    let write = desk.store().write(move |tx| {
        Box::pin(async move {
            let workspace = workspaces::default(tx, now).await?;
            links::revoke_set_up(tx, workspace).await?;
            if people::is_anyone_there(tx).await? {
                return Ok(false);
            }
            // It is good until it is used, or the server starts again.
            links::add(tx, workspace, &digest, (Purpose::SetUp, None), now, Timestamp(i64::MAX)).await?;
            Ok::<_, Error>(true)
        })
    });
    Ok(write.await?.then_some(secret))
}
