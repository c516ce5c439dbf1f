"""A takeover, a question and a decision, with a client that openapi-python-client has made of the published contract. The
operator is Robot of the demo."""

import os

from bailout_client.api.escalations import acknowledge_escalation, get_escalation, open_escalation, update_escalation
from bailout_client.api.events import list_escalation_events
from bailout_client.api.messages import add_message
from bailout_client.client import AuthenticatedClient
from bailout_client.models import (
    AcknowledgeEscalationBody,
    AddedMessage,
    AddedRole,
    AskKind,
    Disposition,
    Escalation,
    EventType,
    GetEscalationUntil,
    NewAction,
    NewAsk,
    NewConversation,
    NewCustomer,
    NewMessage,
    NewReason,
    OpenEscalation,
    Problem,
    ProblemCode,
    ReasonCode,
    Status,
    UpdateEscalation,
)

client = AuthenticatedClient(base_url=os.environ["BAILOUT_URL"], token=os.environ["BAILOUT_KEY"], timeout=70)
reason = NewReason(code=ReasonCode.POLICY_LIMIT, text="This is above my limit.")


def opened(**more):
    escalation = open_escalation.sync(client=client, body=OpenEscalation(reason=reason, **more))
    assert isinstance(escalation, Escalation) and escalation.status == Status.WAITING, escalation
    return escalation.id


def ended(id):
    escalation = get_escalation.sync(client=client, id=id, wait=50, until=GetEscalationUntil.OUTCOME)
    assert isinstance(escalation, Escalation) and escalation.status == Status.RESOLVED, escalation
    taken = acknowledge_escalation.sync(client=client, id=id, body=AcknowledgeEscalationBody())
    assert isinstance(taken, Escalation) and taken.acknowledged_at, taken
    return escalation.outcome


history = [{"role": "customer", "text": "I was charged twice."}]
conversation = NewConversation(id="generated", customer=NewCustomer(name="Dana"), messages=history)
takeover = opened(conversation=conversation)
said = NewMessage(client_message_id="1", role=AddedRole.CUSTOMER, text="Hello?")
assert isinstance(add_message.sync(client=client, id=takeover, body=said), AddedMessage)
assert any(it.text == "Hello?" for it in ended(takeover).messages)
events = list_escalation_events.sync(client=client, id=takeover).items
assert [events[0].type_, events[-2].type_] == [EventType.ESCALATION_OPENED, EventType.ESCALATION_RESOLVED], events

question = opened(ask=NewAsk(kind=AskKind.QUESTION, prompt="Which plan?", options=["Basic", "Pro"]))
assert ended(question).answer in ("Basic", "Pro")

action = NewAction(id="a1", name="refund", arguments={"eur": 250})
outcome = ended(opened(ask=NewAsk(kind=AskKind.DECISION, actions=[action])))
assert outcome.disposition == Disposition.APPROVED, outcome
assert [it.arguments.to_dict() for it in outcome.actions_to_run] == [{"eur": 250}], outcome

problem = update_escalation.sync(client=client, id=takeover, body=UpdateEscalation(summary="Too late."))
assert isinstance(problem, Problem) and problem.code == ProblemCode.ALREADY_CLOSED, problem
print("A generated client did a takeover, a question and a decision.")
