// Where and when things happened: days and times of the reader's zone, tool calls at their message, and what is folded.
import { bare } from "../support/openings";
import { expect, test } from "../support/story";

test.use({ timezoneId: "Europe/Berlin" });

const conversation = (messages: object[], format = "native") => bare("Dana", { conversation: { format, messages, customer: { name: "Dana" } } });

test("times are those of their own date, and a message dated ahead moves no other", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const said = (text: string, at: string) => ({ role: "customer", text, at });
  const { id } = await agent.open(
    conversation([
      said("winter", "2026-01-15T22:30:00Z"),
      said("summer", "2025-07-15T22:30:00Z"),
      said("ahead", "2099-03-01T12:00:00Z"),
      said("winter again", "2026-01-15T22:40:00Z"),
    ]),
  );
  await page.goto(`/e/${id}`);
  const log = page.getByRole("log", { name: "Conversation" });
  const days = async () => (await log.locator(".day").allTextContents()).slice(0, 4);
  await expect.poll(days).toEqual(["2026-01-15", "2025-07-16", "2099-03-01", "2026-01-15"]);
  await expect(log.getByRole("article").locator("time")).toHaveText(["23:30", "00:30", "13:00", "23:40"]);
  await expect(log.getByRole("article").locator(".message-body")).toHaveText(["winter", "summer", "ahead", "winter again"]);
});

test("steps stand at their message, failures and the last call are open, and prompts are folded", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const call = (id: string, args: string) => ({ id, type: "function", function: { name: `tool_${id}`, arguments: args } });
  const { id } = await agent.open(
    conversation(
      [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Where is it?" },
        { role: "assistant", content: "I look.", reasoning_content: "Hm, where?", tool_calls: [call("a", '{"n": 9007199254740993}')] },
        { role: "tool", tool_call_id: "a", content: "sent" },
        { role: "assistant", content: "I look again.", tool_calls: [call("b", "{}")] },
        { role: "tool", tool_call_id: "b", content: "Error: no such order" },
        { role: "assistant", content: "I ask a human.", tool_calls: [call("c", "{}")] },
        { role: "tool", tool_call_id: "c", content: '{"error": null}' },
      ],
      "openai.chat",
    ),
  );
  await page.goto(`/e/${id}`);
  const log = page.getByRole("log", { name: "Conversation" });
  const folds = log.locator("details.steps");
  await expect(folds.locator("> summary")).toHaveText(
    ["System prompt · 9 characters", "Reasoning · 10 characters", "1 step · 1 tool", "1 step · 1 tool", "1 step · 1 tool"].map((text) => new RegExp(text)),
  );
  const open = await folds.evaluateAll((all) => all.map((it) => (it as HTMLDetailsElement).open));
  expect(open).toEqual([false, false, false, true, true]);
  const steps = log.locator(".step");
  await expect(steps.locator(".step-head > span")).toHaveText(["answered", "answered with an error", "succeeded"]);
  await expect(steps.first()).toContainText("9007199254740993");
  const article = log.getByRole("article").filter({ hasText: "I look." });
  await expect(article.locator(".step-name")).toHaveText("tool_a");
});
