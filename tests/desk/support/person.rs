//! The operators of the tests.

use bailout::{
    domain::{
        checked::Checked,
        claim::Fence,
        escalation::by_agent::NewMessage,
        ids::{EscalationId, MessageId, WorkspaceId},
        operator::Operator,
        outcome::{DecisionRequest, Resolution},
        text::{ClientMessageId, MessageText},
    },
    server::{
        clock::mint,
        core::{
            command::{ActorVerb, Command, CommandResult, OperatorVerb},
            desk::Desk,
        },
        error::Error,
        resolution,
    },
};

use super::server::id;

/// An operator, who calls the desk directly.
#[derive(Clone)]
pub struct Person {
    pub desk: Desk,
    pub workspace: WorkspaceId,
    pub operator: Operator,
}

impl Person {
    pub async fn does(&self, escalation: EscalationId, verb: OperatorVerb) -> Result<CommandResult, Error> {
        let verb = ActorVerb::Operator(self.operator.clone(), verb);
        self.desk.run(Command::new(self.workspace, escalation, verb)).await
    }

    /// Records that their page is connected now, and saves it.
    pub async fn is_seen(&self) {
        self.desk.hints().operator_seen(self.workspace, self.operator.who.id, self.desk.clock().now());
        self.desk.hints().save(self.desk.store(), self.desk.clock().now()).await;
    }

    /// Claims and returns the fence of the claim.
    pub async fn claims(&self, escalation: &str) -> Result<Fence, Error> {
        let done = self.does(id(escalation), OperatorVerb::Claim).await?;
        Ok(done.current.escalation.fence)
    }

    pub async fn releases(&self, escalation: &str, fence: Fence) -> Result<CommandResult, Error> {
        self.does(id(escalation), OperatorVerb::Release { fence }).await
    }

    pub async fn replies(&self, escalation: &str, fence: Fence, text: &str) -> Result<CommandResult, Error> {
        let message = NewMessage::of_operator(
            MessageId::new(mint()),
            ClientMessageId::parse(mint().to_string()).expect("a name"),
            MessageText::parse(text).expect("a text"),
            &self.operator.who,
        );
        self.does(id(escalation), OperatorVerb::Reply { fence, message }).await
    }

    pub async fn resolves(
        &self,
        escalation: &str,
        fence: Option<Fence>,
        said: Resolution<DecisionRequest>,
    ) -> Result<CommandResult, Error> {
        let current = self.desk.current(self.workspace, id(escalation)).await?.expect("an escalation");
        let resolution: Checked<Resolution> =
            resolution::check(self.desk.schemas(), &current.escalation.opening.ask, said)?;
        self.does(id(escalation), OperatorVerb::Resolve { fence, resolution }).await
    }
}
