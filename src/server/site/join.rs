//! The pages of one-time links: `/set-up/…`, `/invite/…` and `/reset/…`. A valid link admits its holder. The same
//! transaction deletes the link, so that of two concurrent requests only one succeeds.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header::SET_COOKIE, request::Parts},
    response::Response,
    routing::get,
};
use leptos::prelude::*;
use sqlx::AnyConnection;

use crate::{
    app::parts::form::{FormField, field, password},
    domain::{
        ids::{OperatorId, WorkspaceId},
        operator::{Operator, OperatorRef, Preferences, Role},
        text::Name,
        time::Timestamp,
    },
    server::{
        clock::mint,
        core::desk::Desk,
        error::Error,
        keys::ApiKey,
        password::SHORTEST,
        secret::{Secret, digest},
        site::{
            forms::{FormFields, FormRefusal},
            frame::{FormNotice, card, notice, page, section},
            origin::{self, BrowserSide, side},
            respond::{HOME, failed, see_other},
            session::{NewSession, cookie_of},
            settings::agents::{NewKey, fresh, mint as mint_key, shown_once},
            sign_in::INSECURE,
            web_state::WebState,
        },
        store::{
            agents,
            links::{self, LinkPurpose, OneTimeLink},
            operators::{self, Email},
            people, sessions, workspaces,
        },
    },
};

/// The name of the agent that the set-up adds.
const FIRST_AGENT: &str = "first-agent";

/// Returns the routes of the pages, which need no session.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/set-up/{token}", get(show).post(enter))
        .route("/invite/{token}", get(show).post(enter))
        .route("/reset/{token}", get(show).post(enter))
}

/// Finds the link of a token. Returns `None` when it is not valid, or when its purpose does not match the path.
async fn good(web: &WebState, uri: &Uri, token: &str) -> Result<Option<OneTimeLink>, Error> {
    let link = links::find(web.desk.store(), &digest(token), web.desk.clock().now()).await?;
    Ok(link.filter(|link| uri.path().starts_with(path(link.purpose))))
}

fn path(purpose: LinkPurpose) -> &'static str {
    match purpose {
        LinkPurpose::SetUp => "/set-up/",
        LinkPurpose::Invite(_) => "/invite/",
        LinkPurpose::Reset(_) => "/reset/",
    }
}

/// Renders the form of a link.
async fn show(State(web): State<WebState>, Path(token): Path<String>, uri: Uri) -> Response {
    match good(&web, &uri, &token).await {
        Ok(Some(link)) => form(&web, StatusCode::OK, link.purpose, &JoinForm::default(), None),
        Ok(None) => spent(&web),
        Err(error) => failed(error),
    }
}

fn spent(web: &WebState) -> Response {
    web.page(StatusCode::NOT_FOUND, Preferences::default(), "This link does not work · Bailout", draw_spent)
}

fn form(
    web: &WebState,
    status: StatusCode,
    purpose: LinkPurpose,
    typed: &JoinForm,
    refused: Option<FormNotice>,
) -> Response {
    let length = format!("Choose a password of {SHORTEST} characters or more.");
    let page = |title, draw: Box<dyn FnOnce() -> _ + '_>| web.page(status, Preferences::default(), title, draw);
    match purpose {
        LinkPurpose::SetUp => {
            let why = format!("You are the first one here, and become its admin. {length}");
            let draw = move || draw_newcomer("Set up Bailout", why, "Set up", typed, refused);
            page("Set up · Bailout", Box::new(draw))
        }
        LinkPurpose::Invite(role) => {
            let why = format!("You are invited as {role}. {length}");
            let draw = move || draw_newcomer("Join Bailout", why, "Join", typed, refused);
            page("Join · Bailout", Box::new(draw))
        }
        LinkPurpose::Reset(_) => {
            let why = format!("{length} Your other sessions end.");
            page("New password · Bailout", Box::new(move || draw_reset(why, refused)))
        }
    }
}

/// Handles the submitted form of a link.
async fn enter(
    State(web): State<WebState>,
    Path(token): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    parts: Parts,
    fields: FormFields,
) -> Response {
    let link = match good(&web, &uri, &token).await {
        Ok(Some(link)) => link,
        Ok(None) => return spent(&web),
        Err(error) => return failed(error),
    };
    let side = side(&web.settings, &headers, &uri);
    let entered = match side {
        BrowserSide::Plain => Err(FormRefusal::said(INSECURE)),
        BrowserSide::Https | BrowserSide::Loopback(_) => entered(&web, &link, &parts, &fields).await,
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
        // Another request has used the link up.
        Ok(None) => spent(&web),
        Err(denied) => {
            let typed = JoinForm { name: fields.get("name").to_owned(), email: fields.get("email").to_owned() };
            denied.answer(async |status, why| form(&web, status, link.purpose, &typed, Some(why))).await
        }
    }
}

/// An operator whom a link admitted.
struct Entered {
    workspace: WorkspaceId,
    /// The secret of the session's cookie.
    secret: Secret,
    /// The operator, when they are new.
    newcomer: Option<Newcomer>,
    /// The first agent's key, when the set-up added one.
    key: Option<ApiKey>,
}

/// A new operator.
#[derive(Clone)]
struct Newcomer {
    operator: Operator,
    email: Email,
}

/// Uses a link up and admits its holder. Returns `None` when the link was used up meanwhile.
async fn entered(
    web: &WebState,
    link: &OneTimeLink,
    parts: &Parts,
    fields: &FormFields,
) -> Result<Option<Entered>, FormRefusal> {
    let (workspace, name) = (link.workspace, |role| newcomer(fields, role));
    let newcomer = match link.purpose {
        LinkPurpose::SetUp => Some(name(Role::Admin)?),
        LinkPurpose::Invite(role) => Some(name(role)?),
        LinkPurpose::Reset(_) => None,
    };
    let password = fields.new_password("password")?;
    let hash = web.checker.place()?.hash(password).await?;
    let key = (link.purpose == LinkPurpose::SetUp).then(|| mint_key(false)).transpose()?;
    let (secret, begun) = NewSession::at(web, parts).await?;
    let (used, joins) = (link.digest.clone(), newcomer.clone());
    let write = web.desk.store().write(move |tx| {
        Box::pin(async move {
            // The lock serializes requests with any link, so that there is only one first admin.
            workspaces::lock_head(tx, workspace).await?;
            let Some(link) = links::take(tx, &used, begun.now).await? else { return Ok(None) };
            let ended = let_in(tx, &link, joins, &hash, &begun).await?;
            let Some(key) = key else { return Ok(Some((None, ended))) };
            let name = Name::parse(FIRST_AGENT).map_err(|problem| Error::Internal(problem.to_string()))?;
            // An agent of that name may already have a key, added in a shell. Then there is no key to show.
            let added = agents::add(tx, workspace, &name, &key, begun.now).await?;
            Ok::<_, FormRefusal>(Some((added.ok().map(|_| key), ended)))
        })
    });
    let Some((key, ended)) = write.await? else { return Ok(None) };
    web.close_sessions(ended);
    Ok(Some(Entered { workspace, secret, newcomer, key }))
}

/// Adds a new operator, or sets the new password of the link's operator, and begins a session. Returns the digests of
/// the sessions that ended.
async fn let_in(
    tx: &mut AnyConnection,
    link: &OneTimeLink,
    newcomer: Option<Newcomer>,
    hash: &str,
    begun: &NewSession,
) -> Result<Vec<[u8; 32]>, FormRefusal> {
    let (id, mut ended) = match (newcomer, link.purpose) {
        (Some(Newcomer { operator, email }), LinkPurpose::SetUp | LinkPurpose::Invite(_)) => {
            if !operators::add(tx, link.workspace, &operator, &email, hash, begun.now).await? {
                return Err(FormRefusal::said("Somebody with this e-mail address is here already."));
            }
            (operator.who.id, vec![])
        }
        (_, LinkPurpose::Reset(id)) => {
            people::set_password(tx, link.workspace, id, hash).await?;
            (id, sessions::end_all(tx, link.workspace, id, None).await?)
        }
        (None, _) => return Err(Error::Internal("a link changed what it is for".into()).into()),
    };
    ended.extend(begun.begin(tx, link.workspace, id).await?);
    Ok(ended)
}

fn newcomer(fields: &FormFields, role: Role) -> Result<Newcomer, FormRefusal> {
    let name = fields.name("name", "A name")?;
    let who = OperatorRef { id: OperatorId::new(mint()), public_name: name.clone(), name };
    Ok(Newcomer { operator: Operator { who, role }, email: fields.email()? })
}

/// Renders the page after the set-up.
async fn ready(web: &WebState, entered: &Entered, key: &ApiKey, origin: &str) -> Response {
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
    web.page(StatusCode::OK, Preferences::default(), "Bailout is set up", || draw_ready(operator, &fresh, after))
}

/// Creates a link to set the installation up, and revokes earlier ones. Returns `None` when any operator exists.
pub async fn set_up_link(desk: &Desk) -> Result<Option<Secret>, Error> {
    let secret = Secret::mint()?;
    let (digest, now) = (secret.digest(), desk.clock().now());
    let write = desk.store().write(move |tx| {
        Box::pin(async move {
            let workspace = workspaces::default(tx, now).await?;
            links::revoke_set_up(tx, workspace).await?;
            if people::has_operators(tx).await? {
                return Ok(false);
            }
            // The link is valid until it is used, or until the server starts again.
            links::add(tx, workspace, &digest, (LinkPurpose::SetUp, None), now, Timestamp(i64::MAX)).await?;
            Ok::<_, Error>(true)
        })
    });
    Ok(write.await?.then_some(secret))
}

/// The values typed so far, except the password.
#[derive(Default)]
pub struct JoinForm {
    pub name: String,
    pub email: String,
}

/// Draws a form that asks for name, email and password.
pub fn draw_newcomer(
    heading: &'static str,
    why: String,
    submit: &'static str,
    typed: &JoinForm,
    refused: Option<FormNotice>,
) -> AnyView {
    let name = FormField {
        name: "name",
        label: "Name",
        kind: "text",
        autocomplete: "name",
        value: &typed.name,
        most: 100,
        first: true,
    };
    let email = FormField {
        name: "email",
        label: "Email",
        kind: "email",
        autocomplete: "username",
        value: &typed.email,
        most: 254,
        first: false,
    };
    let fields = vec![field(name), field(email), password("password", "Password", "new-password")];
    draw_form(heading, why, submit, fields, refused)
}

/// Draws a form that asks for a new password.
pub fn draw_reset(why: String, refused: Option<FormNotice>) -> AnyView {
    let fields = vec![password("password", "New password", "new-password")];
    draw_form("Choose a new password", why, "Save", fields, refused)
}

fn draw_form(
    heading: &'static str,
    why: String,
    submit: &'static str,
    fields: Vec<AnyView>,
    refused: Option<FormNotice>,
) -> AnyView {
    let form = view! {
        // The form posts to its own address, so that no page contains the link's secret.
        <form class="sign-in-form" method="post">
            <h1 class="sign-in-title">{heading}</h1>
            <p class="plain-facts">{why}</p>
            {notice(refused)}
            {fields}
            <button class="button" data-kind="primary" type="submit">{submit}</button>
        </form>
    };
    card(vec![form.into_any()])
}

/// Draws the page for a link that is not valid: used, revoked, expired or unknown.
pub fn draw_spent() -> AnyView {
    let words = view! {
        <div class="sign-in-form">
            <h1 class="sign-in-title">"This link does not work"</h1>
            <p>"It was used, revoked, or is too old. Ask whoever sent it for another."</p>
            <p><a href="/sign-in">"Sign in"</a></p>
        </div>
    };
    card(vec![words.into_any()])
}

/// Draws the page after the set-up. `after` is the cursor from which the page listens.
pub fn draw_ready(me: &Operator, fresh: &NewKey, after: String) -> AnyView {
    let listening = view! {
        <p id="listening" role="status" data-after=after>
            "Listening for your first escalation… " <a href="/queue">"Go to the queue"</a>
        </p>
    };
    let content = vec![section("Your first agent", shown_once(fresh)), section("Now", vec![listening.into_any()])];
    page(me, "", "Bailout is set up", None, content)
}
