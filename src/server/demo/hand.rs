//! Lets a scripted operator run the same commands as the console's buttons.

use tokio::time::sleep;

use super::pace::{BETWEEN_TRIES, TRIES};
use crate::{
    domain::{
        claim::Fence,
        escalation::{Escalation, by_agent::NewMessage},
        ids::{EscalationId, MessageId, WorkspaceId},
        operator::Operator,
        outcome::{DecisionRequest, Resolution},
        refusal::Refusal,
        text::{ClientMessageId, ReplyText, TextProblem},
    },
    server::{
        clock::mint,
        core::{
            command::{ActorVerb, Command, CommandResult, OperatorVerb},
            desk::Desk,
        },
        error::{CurrentState, Error},
        robot,
    },
};

/// A scripted operator with access to the [`Desk`].
#[derive(Clone)]
pub struct DemoOperatorHand {
    pub desk: Desk,
    pub workspace: WorkspaceId,
    pub operator: Operator,
}

fn unsayable(problem: TextProblem) -> Error {
    Error::Internal(format!("a text of the demo {problem}"))
}

/// Waits if the server is busy and tries are left. Returns whether to retry.
async fn try_again<T>(done: &Result<T, Error>, tries: &mut usize) -> bool {
    let is_busy = matches!(done, Err(Error::Unavailable | Error::Overloaded));
    *tries += 1;
    if is_busy && *tries < TRIES {
        sleep(BETWEEN_TRIES).await;
        return true;
    }
    false
}

impl DemoOperatorHand {
    /// Runs a command, with retries. If the result of an earlier try was lost, the retry is refused as if another
    /// operator had been faster.
    pub async fn does(&self, escalation: EscalationId, verb: OperatorVerb) -> Result<CommandResult, Error> {
        let mut tries = 0;
        loop {
            self.is_here();
            let verb = ActorVerb::Operator(self.operator.clone(), verb.clone());
            let done = self.desk.run(Command::new(self.workspace, escalation, verb)).await;
            if !try_again(&done, &mut tries).await {
                return done;
            }
        }
    }

    pub async fn sees(&self, escalation: EscalationId) -> Result<CurrentState, Error> {
        let mut tries = 0;
        loop {
            let seen = self.desk.current(self.workspace, escalation).await;
            if !try_again(&seen, &mut tries).await {
                return Ok(seen?.ok_or(Refusal::NotFound)?);
            }
        }
    }

    /// Reports the operator's presence, as a connected page does, so that their claims do not lapse.
    pub fn is_here(&self) {
        self.desk.hints().operator_seen(self.workspace, self.operator.who.id, self.desk.clock().now());
    }

    pub async fn claims(&self, escalation: EscalationId) -> Result<Fence, Error> {
        let done = self.does(escalation, OperatorVerb::Claim).await?;
        Ok(done.current.escalation.fence)
    }

    pub async fn replies(&self, escalation: EscalationId, fence: Fence, text: &str) -> Result<CommandResult, Error> {
        let message = NewMessage::of_operator(
            MessageId::new(mint()),
            ClientMessageId::parse(mint().to_string()).map_err(unsayable)?,
            ReplyText::parse(text).map_err(unsayable)?.widen(),
            &self.operator.who,
        );
        self.does(escalation, OperatorVerb::Reply { fence, message }).await
    }

    /// Resolves with the first resolution that is accepted.
    pub async fn resolves(
        &self,
        it: &Escalation,
        fence: Option<Fence>,
        said: impl IntoIterator<Item = Resolution<DecisionRequest>> + Clone,
    ) -> Result<CommandResult, Error> {
        let mut tries = 0;
        loop {
            self.is_here();
            let done = robot::resolve(&self.desk, self.workspace, &self.operator, it, fence, said.clone()).await;
            if !try_again(&done, &mut tries).await {
                return done;
            }
        }
    }
}
