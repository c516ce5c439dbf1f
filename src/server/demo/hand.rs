//! A scripted operator at the desk: the verbs that the console's buttons come to.

use crate::{
    domain::{
        claim::Fence,
        escalation::NewMessage,
        ids::{EscalationId, MessageId, WorkspaceId},
        message::{Author, MessageRole},
        operator::Operator,
        outcome::Resolution,
        refusal::Refusal,
        text::{ClientMessageId, Said, TextProblem},
    },
    server::{
        clock::mint,
        desk::{Command, Desk, Done, Verb},
        error::{Current, Error},
        schema,
    },
};

/// Somebody who can be told to do things.
#[derive(Clone)]
pub struct Hand {
    pub desk: Desk,
    pub workspace: WorkspaceId,
    pub operator: Operator,
}

fn unsayable(problem: TextProblem) -> Error {
    Error::Internal(format!("a text of the demo {problem}"))
}

impl Hand {
    pub async fn does(&self, verb: Verb) -> Result<Done, Error> {
        self.is_here();
        self.desk.run(Command { workspace: self.workspace, verb, once: None }).await
    }

    /// As a connected page says it, so that what they hold does not lapse.
    pub fn is_here(&self) {
        self.desk.hints().seen(self.workspace, self.operator.who.id, self.desk.clock().now());
    }

    pub async fn sees(&self, escalation: EscalationId) -> Result<Current, Error> {
        Ok(self.desk.current(self.workspace, escalation).await?.ok_or(Refusal::NotFound)?)
    }

    pub async fn claims(&self, escalation: EscalationId) -> Result<Fence, Error> {
        let done = self.does(Verb::Claim { by: self.operator.clone(), escalation }).await?;
        Ok(done.current.escalation.fence)
    }

    pub async fn replies(&self, escalation: EscalationId, fence: Fence, text: &str) -> Result<Done, Error> {
        let message = NewMessage {
            id: MessageId::new(mint()),
            client_message_id: ClientMessageId::parse(mint().to_string()).map_err(unsayable)?,
            role: MessageRole::Operator,
            text: Said::parse(text).map_err(unsayable)?,
            at: None,
            author: Some(Author::from(&self.operator.who)),
        };
        self.does(Verb::Reply { by: self.operator.clone(), escalation, fence, message }).await
    }

    /// Resolves with the first of these that is taken.
    pub async fn resolves(
        &self,
        escalation: EscalationId,
        fence: Option<Fence>,
        said: impl IntoIterator<Item = Resolution>,
    ) -> Result<Done, Error> {
        let current = self.sees(escalation).await?;
        let mut refused = Error::from(Refusal::field("/disposition", "nothing was tried"));
        for resolution in said {
            let by = self.operator.clone();
            let checked = schema::check(&current.escalation.opening.ask, resolution).map_err(Error::from);
            let done = match checked {
                Ok(resolution) => self.does(Verb::Resolve { by, escalation, fence, resolution }).await,
                Err(refusal) => Err(refusal),
            };
            match done {
                Err(problem @ Error::Refused { refusal: Refusal::InvalidFields { .. }, .. }) => refused = problem,
                done => return done,
            }
        }
        Err(refused)
    }
}
