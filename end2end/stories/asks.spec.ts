// The other two asks: an answer, and a decision.
import type { Page } from "@playwright/test";
import { expect, test } from "../support/story";

const reason = { code: "knowledge_gap", text: "The price list does not say." };

async function resolving(page: Page) {
  await page.getByRole("button", { name: "Resolve", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Resolve" });
  await expect(dialog).toBeVisible();
  return { dialog, commit: dialog.getByRole("button", { name: "Resolve and hand back" }) };
}

test("a question with options is answered by one of them", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("pricing-bot");
  const page = await signedIn("Ada");
  const ask = { kind: "question", prompt: "Which plan may I offer?", options: ["Basic", "Plus", "Pro"] };
  const { id } = await agent.open({ reason, ask });
  const ended = agent.wait(id, { until: "outcome", seconds: 20 });
  await page.goto(`/e/${id}`);
  await expect(page.getByRole("region", { name: "Why this was escalated" })).toContainText("Which plan may I offer?");
  const { dialog, commit } = await resolving(page);
  await commit.click();
  await expect(dialog).toContainText("Choose an answer.");
  await dialog.getByRole("radio", { name: "Plus" }).check();
  await commit.click();
  const { escalation } = await ended;
  expect(escalation.outcome).toMatchObject({ disposition: "answered", data: { choice: "Plus" } });
});

test("a question is answered in one's own words", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("pricing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open({ reason, ask: { kind: "question", prompt: "What does it cost?" } });
  const ended = agent.wait(id, { until: "outcome", seconds: 20 });
  await page.goto(`/e/${id}`);
  const { dialog, commit } = await resolving(page);
  const answer = dialog.getByRole("textbox", { name: "Answer" });
  await commit.click();
  await expect(answer).toHaveAccessibleDescription(/\S/);
  await answer.fill("12 EUR a month.");
  await commit.click();
  const { escalation } = await ended;
  expect(escalation.outcome).toMatchObject({ disposition: "answered", answer: "12 EUR a month.", data: null });
  expect(escalation.control).toBe("agent");
  await expect(dialog).toBeHidden();
});

test("of two actions one is approved and one edited", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open({
    reason: { code: "needs_approval", text: "Refunds need a person." },
    ask: {
      kind: "decision",
      prompt: "May I refund and write to her?",
      actions: [
        { id: "a1", name: "issue_refund", arguments: { order: "A-4721", eur: 250 }, allowed: ["approve", "edit", "reject"] },
        { id: "a2", name: "send_mail", arguments: { to: "dana@example.com" }, allowed: ["approve", "reject"] },
      ],
    },
  });
  const ended = agent.wait(id, { until: "outcome", seconds: 20 });
  await page.goto(`/e/${id}`);
  await expect(page.getByRole("region", { name: "Why this was escalated" })).toContainText("issue_refund");
  const { dialog, commit } = await resolving(page);
  const refund = dialog.getByRole("group", { name: "issue_refund" });
  const mail = dialog.getByRole("group", { name: "send_mail" });
  await expect(mail.getByRole("radio", { name: "Edit" })).toHaveCount(0);
  await mail.getByRole("radio", { name: "Approve" }).check();
  await commit.click();
  await expect(refund).toContainText("Decide this one too.");
  await refund.getByRole("radio", { name: "Edit" }).check();
  const edited = refund.getByRole("textbox", { name: "Arguments" });
  await edited.fill('{"order": "A-4721", "eur":');
  await commit.click();
  await expect(edited).toHaveAccessibleDescription(/no JSON object/);
  await edited.fill('{"order": "A-4721", "eur": 240}');
  await commit.click();
  const { escalation } = await ended;
  expect(escalation.outcome.disposition).toBe("approved_with_edits");
  expect(escalation.outcome.actions).toMatchObject([
    { id: "a1", decision: "edit", arguments: { order: "A-4721", eur: 240 }, executed_by: "agent" },
    { id: "a2", decision: "approve", arguments: { to: "dana@example.com" } },
  ]);
});

test("a question can be turned into a talk with the customer", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("pricing-bot");
  const page = await signedIn("Ada");
  const conversation = { external_id: "c1", messages: [{ role: "customer", text: "Hello?" }], customer: { name: "Dana" } };
  const { id } = await agent.open({ reason, ask: { kind: "question", prompt: "What does it cost?" }, conversation });
  await page.goto(`/e/${id}`);
  await expect(page.getByRole("textbox", { name: "Reply to customer" })).toBeHidden();
  await page.getByRole("button", { name: "Take over instead" }).click();
  await expect(page.getByText("You are in control")).toBeVisible();
  await page.getByRole("textbox", { name: "Reply to customer" }).fill("Hello Dana.");
  await page.keyboard.press("Control+Enter");
  const heard = await agent.wait(id, { until: "reply", seconds: 10 });
  expect(heard.escalation.control).toBe("human");
});
