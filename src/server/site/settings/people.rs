//! The settings pages of people: invitations, roles, password resets, sessions, and disabling.

pub mod view;

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};

use crate::{
    domain::{
        ids::OperatorId,
        operator::{Operator, Role},
        time::{Span, Timestamp},
    },
    server::{
        error::Error,
        secret::{Secret, of_name},
        site::{
            forms::{FormFields, FormRefusal},
            frame::FormNotice,
            origin,
            respond::{failed, see_other},
            session::SignedIn,
            session_list::end_sessions,
            settings::people::view::{self as page, MemberPage},
            web_state::WebState,
        },
        store::{
            links::{self, LinkPurpose, RESET_LASTS},
            people, queues, sessions, workspaces,
        },
    },
};

/// How long an invitation is valid.
const INVITED: Span = Span::hours(7 * 24);

/// `GET /settings/people`
pub async fn list(State(web): State<WebState>, Extension(me): Extension<SignedIn>) -> Response {
    drawn(&web, &me, StatusCode::OK, None, None).await
}

async fn drawn(
    web: &WebState,
    me: &SignedIn,
    status: StatusCode,
    link: Option<&str>,
    said: Option<FormNotice>,
) -> Response {
    let (store, now) = (web.desk.store(), web.desk.clock().now());
    let read = async {
        let people = people::all(store, me.workspace).await?;
        Ok((people, links::invitations(store, me.workspace, now).await?))
    };
    match read.await {
        Ok((people, invitations)) => {
            let draw = || page::draw_people(&me.operator, (&people, &invitations), now, link, said);
            web.page(status, me.preferences, "People · Bailout", draw)
        }
        Err(error) => failed(error),
    }
}

/// `POST /settings/people`: creates an invitation, or revokes one.
pub async fn invite(
    State(web): State<WebState>,
    Extension(me): Extension<SignedIn>,
    headers: HeaderMap,
    uri: Uri,
    fields: FormFields,
) -> Response {
    match invited(&web, &me, &fields).await {
        Ok(Some(secret)) => {
            let link = format!("{}/invite/{}", origin::ours(&web.settings, &headers, &uri), secret.reveal());
            drawn(&web, &me, StatusCode::OK, Some(&link), None).await
        }
        Ok(None) => see_other(page::PATH),
        Err(denied) => denied.answer(async |status, why| drawn(&web, &me, status, None, Some(why)).await).await,
    }
}

async fn invited(web: &WebState, me: &SignedIn, fields: &FormFields) -> Result<Option<Secret>, FormRefusal> {
    let (store, workspace, now) = (web.desk.store(), me.workspace, web.desk.clock().now());
    match fields.get("do") {
        "invite" => {
            let role: Role = fields.get("role").parse().map_err(|_| FormRefusal::said("There is no such role."))?;
            let secret = Secret::mint()?;
            let (digest, by) = (secret.digest(), me.operator.who.id);
            let write = store.write(move |tx| {
                Box::pin(async move {
                    let purpose = (LinkPurpose::Invite(role), Some(by));
                    Ok::<_, Error>(links::add(tx, workspace, &digest, purpose, now, now + INVITED).await?)
                })
            });
            write.await?;
            Ok(Some(secret))
        }
        "revoke" => {
            let digest = of_name(fields.get("invitation")).ok_or_else(|| FormRefusal::said(NO_INVITATION))?;
            let write = store.write(move |tx| {
                Box::pin(async move { Ok::<_, Error>(links::revoke_invitation(tx, workspace, &digest).await?) })
            });
            if write.await? { Ok(None) } else { Err(FormRefusal::said(NO_INVITATION)) }
        }
        _ => Err(FormRefusal::said("There is nothing of that name to do.")),
    }
}

const NO_INVITATION: &str = "This invitation was used or revoked already.";

/// `GET /settings/people/{id}`
pub async fn person(
    State(web): State<WebState>,
    Extension(me): Extension<SignedIn>,
    Path(id): Path<String>,
) -> Response {
    details(&web, &me, &id, StatusCode::OK, None, None).await
}

async fn details(
    web: &WebState,
    me: &SignedIn,
    id: &str,
    status: StatusCode,
    link: Option<&str>,
    said: Option<FormNotice>,
) -> Response {
    match found(web, me, id).await {
        Ok(Some(it)) => {
            let now = web.desk.clock().now();
            web.page(status, me.preferences, "Person · Bailout", || page::draw_person(me, &it, now, link, said))
        }
        Ok(None) => {
            drawn(
                web,
                me,
                StatusCode::NOT_FOUND,
                None,
                Some(FormNotice::Refused("There is no such person.".to_owned())),
            )
            .await
        }
        Err(error) => failed(error),
    }
}

async fn found(web: &WebState, me: &SignedIn, id: &str) -> Result<Option<MemberPage>, Error> {
    let (store, workspace) = (web.desk.store(), me.workspace);
    let Ok(id) = id.parse::<OperatorId>() else { return Ok(None) };
    let Some(member) = people::one(store, workspace, id).await? else { return Ok(None) };
    let sessions = sessions::open(store, workspace, id, web.desk.clock().now()).await?;
    let sign_ins = sessions::sign_ins(store, workspace, id).await?;
    Ok(Some(MemberPage { member, sessions, sign_ins }))
}

/// `POST /settings/people/{id}`
pub async fn change(
    State(web): State<WebState>,
    Extension(me): Extension<SignedIn>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    fields: FormFields,
) -> Response {
    match changed(&web, &me, &id, &fields).await {
        Ok(Some(secret)) => {
            let link = format!("{}/reset/{}", origin::ours(&web.settings, &headers, &uri), secret.reveal());
            details(&web, &me, &id, StatusCode::OK, Some(&link), None).await
        }
        // The gate of that page refuses an admin who ended their own session or gave up their own role.
        Ok(None) => see_other(&format!("{}/{id}", page::PATH)),
        Err(denied) => denied.answer(async |status, why| details(&web, &me, &id, status, None, Some(why)).await).await,
    }
}

/// Executes the action of a form about an operator. Returns the secret of a link, when one was created.
async fn changed(web: &WebState, me: &SignedIn, id: &str, fields: &FormFields) -> Result<Option<Secret>, FormRefusal> {
    let (workspace, now) = (me.workspace, web.desk.clock().now());
    let nobody = || FormRefusal::said("There is no such person.");
    let id: OperatorId = id.parse().map_err(|_| nobody())?;
    let member = people::one(web.desk.store(), workspace, id).await?.ok_or_else(nobody)?;
    match fields.get("do") {
        "role" => {
            let role: Role = fields.get("role").parse().map_err(|_| FormRefusal::said("There is no such role."))?;
            stands(web, me, member.operator, Standing::Role(role)).await?;
        }
        "disable" => stands(web, me, member.operator, Standing::Disabled(Some(now))).await?,
        "enable" => stands(web, me, member.operator, Standing::Disabled(None)).await?,
        "end" => end_sessions(web, me, id, fields.get("session")).await?,
        "reset" if member.disabled_at.is_some() => return Err(FormRefusal::said("Enable this person first.")),
        "reset" => {
            let secret = Secret::mint()?;
            let (digest, by) = (secret.digest(), me.operator.who.id);
            let write = web.desk.store().write(move |tx| {
                Box::pin(async move {
                    // A newer link replaces an older one.
                    links::revoke_resets(tx, workspace, id).await?;
                    let purpose = (LinkPurpose::Reset(id), Some(by));
                    Ok::<_, Error>(links::add(tx, workspace, &digest, purpose, now, now + RESET_LASTS).await?)
                })
            });
            write.await?;
            return Ok(Some(secret));
        }
        _ => return Err(FormRefusal::said("There is nothing of that name to do.")),
    }
    Ok(None)
}

/// The new role of an operator, or whether they are disabled from now on.
#[derive(Clone, Copy)]
enum Standing {
    Role(Role),
    Disabled(Option<Timestamp>),
}

/// Changes an operator's role, or disables or enables them. A workspace always keeps an admin who can sign in. When
/// the operator can no longer answer, their claims are released to the queues, so that nobody waits for them.
async fn stands(web: &WebState, me: &SignedIn, whom: Operator, standing: Standing) -> Result<(), FormRefusal> {
    let (workspace, id) = (me.workspace, whom.who.id);
    let answers_no_more = matches!(standing, Standing::Disabled(Some(_)) | Standing::Role(Role::Viewer));
    let write = web.desk.store().write(move |tx| {
        Box::pin(async move {
            // The lock serializes two admins who do this to each other.
            workspaces::lock_head(tx, workspace).await?;
            let stays_admin = matches!(standing, Standing::Role(Role::Admin) | Standing::Disabled(None));
            if !stays_admin && !people::has_another_admin(tx, workspace, id).await? {
                return Err(FormRefusal::said("Nobody else here is an admin. Make somebody else one first."));
            }
            match standing {
                Standing::Role(role) => people::set_role(tx, workspace, id, role).await?,
                Standing::Disabled(at) => people::set_disabled(tx, workspace, id, at).await?,
            };
            // An operator who cannot answer must serve no queue: escalations would wait there unseen.
            if answers_no_more {
                queues::leave(tx, workspace, id).await?;
            }
            if !matches!(standing, Standing::Disabled(Some(_))) {
                return Ok(vec![]);
            }
            links::revoke_resets(tx, workspace, id).await?;
            Ok(sessions::end_all(tx, workspace, id, None).await?)
        })
    });
    web.close_sessions(write.await?);
    if !answers_no_more {
        return Ok(());
    }
    // A spawned task completes even when the admin's request is cancelled.
    let desk = web.desk.clone();
    let task = tokio::spawn(async move { desk.release_all_of(workspace, whom).await });
    Ok(task.await.unwrap_or_else(|failed| Err(Error::Internal(failed.to_string())))?)
}
