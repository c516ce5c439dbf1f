// The other two asks: an answer, and a decision.
import { expect, test } from "../support/story";

const knowledge = { code: "knowledge_gap", text: "The price list does not say." };
const approval = { code: "needs_approval", text: "Refunds need a person." };

test("a question with options is answered by one key", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("pricing-bot");
  const page = await signedIn("Ada");
  const ask = { kind: "question", prompt: "Which plan may I offer?", options: ["Basic", "Plus", "Pro"] };
  const { id } = await agent.open({ reason: knowledge, ask });
  const ended = agent.wait(id, { until: "outcome", wait: 20 });
  await page.goto(`/e/${id}`);
  await expect(page.getByRole("region", { name: "Why this was escalated" })).toContainText("Which plan may I offer?");
  await expect(page.getByRole("tab", { name: "Answer" })).toHaveAttribute("aria-selected", "true");
  const commit = page.getByRole("button", { name: "Answer and hand back" });
  await commit.click();
  await expect(page.getByRole("tabpanel")).toContainText("Choose an answer.");
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("7"); // there is no seventh
  await page.keyboard.press("2");
  const escalation = await ended;
  expect(escalation.outcome).toMatchObject({ disposition: "answered", answer: "Plus", data: null });
  await expect(page.getByRole("tab", { name: "Answer" })).toBeHidden();
});

test("a question is answered in one's own words", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("pricing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open({ reason: knowledge, ask: { kind: "question", prompt: "What does it cost?" } });
  const ended = agent.wait(id, { until: "outcome", wait: 20 });
  await page.goto(`/e/${id}`);
  await expect(page.getByRole("textbox", { name: "Reply to customer" })).toBeHidden();
  const commit = page.getByRole("button", { name: "Answer and hand back" });
  const answer = page.getByRole("textbox", { name: "Answer to the agent" });
  await commit.click();
  await expect(answer).toHaveAccessibleDescription(/\S/);
  await answer.fill("12 EUR a month.");
  await page.keyboard.press("Control+Enter");
  const escalation = await ended;
  expect(escalation.outcome).toMatchObject({ disposition: "answered", answer: "12 EUR a month.", data: null });
  expect(escalation.control).toBe("agent");
});

test("a question may also be declined, with a note", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("pricing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open({ reason: knowledge, ask: { kind: "question", prompt: "What does it cost?" } });
  const ended = agent.wait(id, { until: "outcome", wait: 20 });
  await page.goto(`/e/${id}`);
  await page.getByRole("button", { name: "Resolve", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Resolve" });
  await expect(dialog.getByRole("textbox", { name: "Answer" })).toBeVisible();
  await dialog.getByRole("combobox", { name: "Disposition" }).selectOption("Declined");
  await expect(dialog.getByRole("textbox", { name: "Answer" })).toBeHidden();
  await dialog.getByRole("textbox", { name: "Note to the agent" }).fill("Ask sales.");
  await dialog.getByRole("button", { name: "Resolve and hand back" }).click();
  const escalation = await ended;
  expect(escalation.outcome).toMatchObject({ disposition: "declined", answer: null, note_to_agent: "Ask sales." });
});

test("an action is answered instead of run", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const action = { id: "a1", name: "issue_refund", arguments: { eur: 250 }, allowed: ["approve", "reject", "respond"] };
  const { id } = await agent.open({ reason: knowledge, ask: { kind: "decision", actions: [action] } });
  const ended = agent.wait(id, { until: "outcome", wait: 20 });
  await page.goto(`/e/${id}`);
  const card = page.getByRole("group", { name: "issue_refund" });
  await card.getByRole("button", { name: "Reject" }).click();
  await expect(card.getByRole("textbox", { name: "Reason" })).toBeFocused();
  await card.getByRole("button", { name: "Answer instead" }).click();
  const answer = card.getByRole("textbox", { name: "Answer" });
  await expect(answer).toBeFocused();
  await expect(card.getByRole("textbox", { name: "Reason" })).toBeHidden();
  await card.getByRole("button", { name: "Answer instead" }).click();
  await expect(answer).toHaveAccessibleDescription(/Write the answer/);
  await answer.fill("Ask her for the order number first.");
  await answer.press("Control+Enter");
  const { outcome } = await ended;
  expect(outcome).toMatchObject({ disposition: "instructed", actions_to_run: [] });
  expect(outcome.actions[0]).toMatchObject({ decision: "respond", comment: "Ask her for the order number first." });
});

test("a decision is approved in two keystrokes", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const actions = [{ id: "a1", name: "issue_refund", arguments: { order: "A-4721", eur: 250 } }];
  const { id } = await agent.open({ reason: approval, ask: { kind: "decision", prompt: "May I?", actions } });
  const ended = agent.wait(id, { until: "outcome", wait: 20 });
  await page.goto(`/e/${id}`);
  await expect(page.getByRole("button", { name: "Approve", exact: true })).toBeEnabled();
  await page.keyboard.press("a");
  await page.keyboard.press("Enter");
  const escalation = await ended;
  expect(escalation.outcome).toMatchObject({ disposition: "approved", actions: [{ id: "a1", decision: "approve" }] });
  await expect(page.getByRole("group", { name: "issue_refund" })).toBeHidden();
});

test("of two actions one is approved and one edited, with the result that was asked for", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open({
    reason: approval,
    ask: {
      kind: "decision",
      prompt: "May I refund and write to her?",
      response_schema: { type: "object", required: ["ticket"], properties: { ticket: { type: "string", title: "Ticket", minLength: 3 } } },
      actions: [
        {
          id: "a1",
          name: "issue_refund",
          arguments: { order: "A-4721", eur: 250 },
          arguments_schema: { type: "object", properties: { eur: { type: "number", title: "EUR" } } },
          allowed: ["approve", "edit", "reject"],
        },
        { id: "a2", name: "send_mail", arguments: { to: "dana@example.com" }, allowed: ["approve", "reject"] },
      ],
    },
  });
  const ended = agent.wait(id, { until: "outcome", wait: 30 });
  await page.goto(`/e/${id}`);
  const refund = page.getByRole("group", { name: "issue_refund" });
  const mail = page.getByRole("group", { name: "send_mail" });
  await expect(mail.getByRole("button", { name: "Edit and approve" })).toBeHidden();
  await mail.getByRole("button", { name: "Approve", exact: true }).click();
  await expect(mail).toContainText("Approved. Sent once all are decided.");

  // What is decided is a draft: it is there again after a reload, and nobody has heard of it.
  await expect
    .poll(async () => {
      await page.reload();
      return mail.textContent();
    })
    .toContain("Approved. Sent once all are decided.");
  expect((await agent.get(id)).status).toBe("waiting");

  // An edit needs a change.
  await refund.getByRole("button", { name: "Edit and approve" }).click();
  const eur = refund.getByRole("spinbutton", { name: "EUR" });
  await expect(eur).toBeFocused();
  await eur.fill("240");
  await expect(refund.getByRole("button", { name: "Approve", exact: true })).toBeDisabled();
  await refund.getByRole("button", { name: "Edit and approve" }).click();
  const ticket = page.getByRole("region", { name: "Decision" }).getByRole("textbox", { name: "Ticket" });
  await expect(ticket).toHaveAccessibleDescription(/required/);
  await ticket.fill("T-1");
  await page.getByRole("region", { name: "Decision" }).getByRole("textbox", { name: "Note to the agent" }).fill("Only once.");
  await refund.getByRole("button", { name: "Edit and approve" }).click();
  const escalation = await ended;
  expect(escalation.outcome).toMatchObject({ disposition: "approved_with_edits", data: { ticket: "T-1" }, note_to_agent: "Only once." });
  expect(escalation.outcome.actions).toMatchObject([
    { id: "a1", decision: "edit", arguments: { order: "A-4721", eur: 240 }, executed_by: "agent" },
    { id: "a2", decision: "approve", arguments: { to: "dana@example.com" } },
  ]);
});

test("arguments without a schema are edited as JSON, and a rejection says why", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const actions = [{ id: "a1", name: "issue_refund", arguments: { order: "A-4721", eur: 250 } }];
  const { id } = await agent.open({ reason: approval, ask: { kind: "decision", actions } });
  const ended = agent.wait(id, { until: "outcome", wait: 20 });
  await page.goto(`/e/${id}`);
  const refund = page.getByRole("group", { name: "issue_refund" });
  const edited = refund.getByRole("textbox", { name: "Arguments" });
  await edited.fill('{"order": "A-4721", "eur":');
  await refund.getByRole("button", { name: "Edit and approve" }).click();
  await expect(edited).toHaveAccessibleDescription(/is not JSON/);
  await refund.getByRole("button", { name: "Reject" }).click();
  const why = refund.getByRole("textbox", { name: "Reason" });
  await expect(why).toBeFocused();
  await refund.getByRole("button", { name: "Reject" }).click();
  await expect(why).toHaveAccessibleDescription(/Say why/);
  expect((await agent.get(id)).status).toBe("waiting");
  await why.fill("Too much.");
  await expect(why).not.toHaveAccessibleDescription(/Say why/);
  await page.keyboard.press("Control+Enter");
  const escalation = await ended;
  expect(escalation.outcome).toMatchObject({
    disposition: "rejected",
    actions: [{ id: "a1", decision: "reject", comment: "Too much.", arguments: { order: "A-4721", eur: 250 } }],
  });
});

test("of two who approve at the same moment one wins, and the other is told", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const pages = { Ana: await signedIn("Ana"), Bob: await signedIn("Bob") };
  const actions = [{ id: "a1", name: "issue_refund", arguments: { eur: 250 } }];
  const { id } = await agent.open({ reason: approval, ask: { kind: "decision", actions } });
  const all = Object.values(pages);
  await Promise.all(all.map((page) => page.goto(`/e/${id}`)));
  const approve = all.map((page) => page.getByRole("button", { name: "Approve", exact: true }));
  for (const button of approve) await expect(button).toBeEnabled();
  // Nobody hears of the other's before their own is sent.
  let ready = 0;
  let go = () => {};
  const both = new Promise<void>((done) => (go = done));
  for (const page of all) {
    await page.route("**/_fn/**resolve*", async (route) => {
      if (++ready === all.length) go();
      await both;
      await route.continue();
    });
  }
  await Promise.all(approve.map((button) => button.click()));
  await expect.poll(async () => (await agent.get(id)).status).toBe("resolved");
  const winner = (await agent.get(id)).outcome.by.name as "Ana" | "Bob";
  const loser = winner === "Ana" ? "Bob" : "Ana";
  await expect(pages[loser].getByRole("alert")).toContainText("already closed");
  await expect(pages[loser].getByRole("group", { name: "issue_refund" })).toBeHidden();
  await expect(pages[winner].getByRole("alert")).toBeHidden();
});

test("a question can be turned into a talk with the customer", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("pricing-bot");
  const page = await signedIn("Ada");
  const conversation = { id: "c1", messages: [{ role: "customer", text: "Hello?" }], customer: { name: "Dana" } };
  const { id } = await agent.open({ reason: knowledge, ask: { kind: "question", prompt: "What does it cost?" }, conversation });
  await page.goto(`/e/${id}`);
  await expect(page.getByRole("textbox", { name: "Reply to customer" })).toBeHidden();
  await page.getByRole("button", { name: "Take over instead" }).click();
  await expect(page.getByText("You are in control")).toBeVisible();
  await page.getByRole("textbox", { name: "Reply to customer" }).fill("Hello Dana.");
  await page.keyboard.press("Control+Enter");
  const heard = await agent.wait(id, { until: "reply", wait: 10 });
  expect(heard.control).toBe("human");
});
