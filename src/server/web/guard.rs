//! The guard of every server function. They are public endpoints, and they also run within the rendering of a page,
//! where no middleware is: so each asks here first who is asking.

use axum::http::request::Parts;
use leptos::context::use_context;

use super::session::SignedIn;
use crate::{
    app::{actions::Bootstrap, problem::Problem},
    domain::{
        ids::WorkspaceId,
        inbox::{Listing, Query},
        operator::{Operator, Role},
        refusal::Refusal,
    },
    server::{
        desk::{Command, Desk, Done, Verb},
        error::Error,
    },
};

/// Who calls a server function, and the desk for them.
pub struct Caller {
    pub desk: Desk,
    pub workspace: WorkspaceId,
    pub operator: Operator,
}

/// The operator behind the request at hand, with at least the role that is needed. Who they are was read from the
/// database when this request came in.
pub async fn guard(need: Role) -> Result<Caller, Problem> {
    let (Some(desk), Some(parts)) = (use_context::<Desk>(), use_context::<Parts>()) else {
        return Err(Error::Internal("a server function was called without its context".into()).into());
    };
    let Some(signed_in) = parts.extensions.get::<SignedIn>().cloned() else { return Err(Problem::SignedOut) };
    signed_in.operator.role.at_least(need).map_err(Error::from)?;
    Ok(Caller { desk, workspace: signed_in.workspace, operator: signed_in.operator })
}

impl Caller {
    /// A list as they look at it from now on.
    pub fn query(&self, listing: Listing) -> Query {
        Query { listing, me: self.operator.who.id, as_of: self.desk.clock().now() }
    }

    /// What a console page starts from.
    pub async fn bootstrap(&self, listing: Listing, selected: Option<&str>) -> Result<Bootstrap, Error> {
        let inbox = self.desk.inbox(self.workspace, self.query(listing)).await?;
        // What is no id names nothing.
        let thread = match selected.and_then(|text| text.parse().ok()) {
            Some(id) => self.desk.thread(self.workspace, id).await?,
            None => None,
        };
        Ok(Bootstrap {
            missing: selected.is_some() && thread.is_none(),
            now: self.desk.clock().now(),
            epoch: self.desk.store().epoch().to_owned(),
            me: self.operator.clone(),
            choices: self.desk.choices(self.workspace).await?,
            inbox,
            thread,
        })
    }

    /// Does one thing at the desk. That the domain says no is an answer, not a fault.
    pub async fn does(&self, verb: Verb) -> Result<Result<Done, Refusal>, Problem> {
        match self.desk.run(Command { workspace: self.workspace, verb, once: None }).await {
            Ok(done) => Ok(Ok(done)),
            Err(Error::Refused { refusal, .. }) => Ok(Err(refusal)),
            Err(fault) => Err(fault.into()),
        }
    }
}
