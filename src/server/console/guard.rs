//! Checks the caller of every server function. Server functions are public endpoints, and they also run while a page is
//! rendered, where there is no middleware. So each of them calls [`guard`] first.

use axum::http::request::Parts;
use leptos::context::use_context;

use crate::{
    app::{actions::Bootstrap, problem::CallError},
    domain::{
        claim::Claim,
        draft::Draft,
        event::TransferTarget,
        ids::{EscalationId, WorkspaceId},
        inbox::{Listing, Query},
        operator::{KeyPreferences, Operator, Preferences, Role},
        presence::{Hint, Presence, Viewer},
        refusal::Refusal,
        seq::Seq,
        text::ClientMessageId,
        thread::Thread,
        time::Timestamp,
    },
    server::{
        core::{
            command::{ActorVerb, Command, CommandResult, OperatorVerb},
            desk::Desk,
        },
        error::Error,
        site::session::SignedIn,
        store::{drafts, operators, people, presence, queues, reads},
    },
};

/// The operator who calls a server function, with the desk.
pub struct CallingOperator {
    pub desk: Desk,
    pub workspace: WorkspaceId,
    pub operator: Operator,
    pub preferences: Preferences,
}

/// Returns the operator behind the current request, if they have at least the role that is needed. Middleware read the
/// operator from the database when this request came in.
pub async fn guard(need: Role) -> Result<CallingOperator, CallError> {
    let (Some(desk), Some(parts)) = (use_context::<Desk>(), use_context::<Parts>()) else {
        return Err(Error::Internal("a server function was called without its context".into()).into());
    };
    let Some(signed_in) = parts.extensions.get::<SignedIn>().cloned() else { return Err(CallError::SignedOut) };
    signed_in.operator.role.at_least(need).map_err(Error::from)?;
    Ok(CallingOperator::of(desk, signed_in))
}

impl CallingOperator {
    /// Returns the signed-in operator as a caller at this desk.
    pub fn of(desk: Desk, signed_in: SignedIn) -> Self {
        let SignedIn { workspace, operator, preferences, .. } = signed_in;
        Self { desk, workspace, operator, preferences }
    }

    /// Returns the query of a list as this operator sees it now.
    pub fn query(&self, listing: Listing) -> Query {
        Query { listing, me: self.operator.who.id, as_of: self.desk.clock().now() }
    }

    /// Loads the data that a console page starts from.
    pub async fn bootstrap(&self, listing: Listing, selected: Option<&str>) -> Result<Bootstrap, Error> {
        // The epoch is read before the list: if the log's name or the queues change in between, the page starts over.
        let epoch = self.desk.epoch(self.workspace).await?;
        let inbox = self.desk.inbox(self.workspace, self.query(listing)).await?;
        // A text that is no id names no escalation.
        let opened = match selected.and_then(|text| text.parse().ok()) {
            Some(id) => self.opened(id).await?,
            None => None,
        };
        let (thread, presence) = opened.unzip();
        Ok(Bootstrap {
            missing: selected.is_some() && thread.is_none(),
            presence: presence.unwrap_or_default(),
            drafts: drafts::of_operator(self.desk.store(), self.workspace, self.operator.who.id).await?,
            reads: reads::of_operator(self.desk.store(), self.workspace, self.operator.who.id).await?,
            now: self.desk.clock().now(),
            epoch,
            away: operators::is_away(self.desk.store(), self.workspace, self.operator.who.id).await?,
            me: self.operator.clone(),
            keys: self.preferences.keys,
            choices: self.desk.filter_choices(self.workspace).await?,
            inbox,
            thread,
        })
    }

    /// Loads an escalation's page, and the presence around it.
    pub async fn opened(&self, id: EscalationId) -> Result<Option<(Thread, Presence)>, Error> {
        let Some(thread) = self.desk.thread(self.workspace, id).await? else { return Ok(None) };
        let mut presence = presence::around(self.desk.store(), self.workspace, &thread.escalation).await?;
        self.desk.hints().add_unsaved_to(&mut presence, self.workspace, &thread.escalation);
        Ok(Some((thread, presence)))
    }

    /// Stores a draft of an existing escalation, also of a closed one.
    pub async fn save_draft(&self, draft: Draft) -> Result<(), Error> {
        if draft.text.chars().count() > crate::domain::draft::LONGEST {
            return Err(Refusal::field("/text", "This is too long to be kept.").into());
        }
        self.desk.current(self.workspace, draft.escalation).await?.ok_or(Refusal::NotFound)?;
        let (desk, workspace, me) = (self.desk.clone(), self.workspace, self.operator.who.id);
        // A spawned task completes even when the caller disconnects.
        let now = desk.clock().now();
        let task = tokio::spawn(async move { drafts::save(desk.store(), workspace, me, draft, now).await });
        task.await.unwrap_or_else(|failed| Err(Error::Internal(failed.to_string())))
    }

    /// Deletes the draft of a reply that has arrived.
    pub async fn delete_sent_draft(&self, id: EscalationId, named: &ClientMessageId) -> Result<(), Error> {
        drafts::delete_sent(self.desk.store(), self.workspace, self.operator.who.id, id, named).await
    }

    /// Changes the operator's preferences for keys.
    pub async fn save_key_preferences(
        &self,
        change: impl FnOnce(&mut KeyPreferences) + Send + 'static,
    ) -> Result<(), Error> {
        let (workspace, me) = (self.workspace, self.operator.who.id);
        let write = self.desk.store().write(move |tx| {
            Box::pin(async move {
                let mut own = people::lock_profile(tx, workspace, me).await?;
                change(&mut own.preferences.keys);
                people::set_profile(tx, workspace, me, &own).await
            })
        });
        write.await
    }

    /// Publishes that the operator views or types, and records how far they have read. The target of a transfer accepts
    /// it by viewing, if they touched the page since.
    pub async fn report_viewing(
        &self,
        escalation: EscalationId,
        typing: bool,
        read: Seq,
        active_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let current = self.desk.current(self.workspace, escalation).await?.ok_or(Refusal::NotFound)?;
        // Only the operator who holds the escalation writes to its customer.
        let claim = current.escalation.holder().filter(|claim| claim.operator.id == self.operator.who.id);
        let typing = typing && claim.is_some();
        let is_there = |claim: &&Claim| active_at.is_none_or(|at| at >= claim.at);
        let accepts = claim.filter(is_there).is_some_and(|claim| claim.offer.is_some());
        let viewer = Viewer { operator: self.operator.who.clone(), at: self.desk.clock().now(), typing };
        let agent = current.escalation.agent.id;
        // Nobody can have read beyond the last event.
        let (read, now) = ((escalation, read.min(current.escalation.seq)), viewer.at);
        reads::save(self.desk.store(), self.workspace, self.operator.who.id, read, now).await?;
        self.desk.hints().send(self.workspace, Hint::Viewing { agent, escalation, viewer });
        if accepts { self.accept_transfer(escalation).await } else { Ok(()) }
    }

    /// Accepts a transfer. The writer checks again whether there still is one, because the escalation may have returned
    /// to its queue.
    async fn accept_transfer(&self, escalation: EscalationId) -> Result<(), Error> {
        let verb = ActorVerb::Operator(self.operator.clone(), OperatorVerb::Accept);
        match self.desk.run(Command::new(self.workspace, escalation, verb)).await {
            Ok(_) | Err(Error::Refused { .. }) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Finds the target of a transfer, by an operator's or a queue's id.
    pub async fn target(&self, id: &str) -> Result<Option<TransferTarget>, Error> {
        let (store, workspace) = (self.desk.store(), self.workspace);
        if let Ok(id) = id.parse() {
            let who = operators::worker(store, workspace, id).await?;
            if who.is_some() {
                presence::expect(store, workspace, id).await?;
            }
            return Ok(who.map(TransferTarget::Operator));
        }
        let Ok(id) = id.parse() else { return Ok(None) };
        let queue = queues::all(store, workspace).await?.into_iter().find(|queue| queue.id == id);
        Ok(queue.map(TransferTarget::Queue))
    }

    /// Sets whether the operator is away from now on, and releases all that they hold when `release` is set.
    pub async fn set_away(&self, away: bool, release: bool) -> Result<(), Error> {
        let (desk, workspace, by) = (self.desk.clone(), self.workspace, self.operator.clone());
        let since = away.then(|| desk.clock().now());
        // A spawned task completes even when the caller disconnects.
        let task = tokio::spawn(async move {
            operators::set_away(desk.store(), workspace, by.who.id, since).await?;
            if release { desk.release_all_of(workspace, by).await } else { Ok(()) }
        });
        task.await.unwrap_or_else(|failed| Err(Error::Internal(failed.to_string())))
    }

    /// Runs one command of the operator. A refusal of the domain is a result, not a fault.
    pub async fn run(
        &self,
        escalation: EscalationId,
        verb: OperatorVerb,
    ) -> Result<Result<CommandResult, Refusal>, CallError> {
        // An operator who runs a command is present, even if their stream is disconnected just now.
        self.desk.hints().operator_seen(self.workspace, self.operator.who.id, self.desk.clock().now());
        let verb = ActorVerb::Operator(self.operator.clone(), verb);
        match self.desk.run(Command::new(self.workspace, escalation, verb)).await {
            Ok(done) => Ok(Ok(done)),
            Err(Error::Refused { refusal, .. }) => Ok(Err(refusal)),
            Err(fault) => Err(fault.into()),
        }
    }
}
