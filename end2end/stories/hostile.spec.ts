// What agents and customers write is shown as text, whatever it is: nothing of it runs, loads, or hides.
import { harmless, undisturbed } from "../support/harmless";
import { expect, test } from "../support/story";

const markup = `<img src=x onerror=alert(1)><script>alert(2)</script><iframe src="https://evil.example/"></iframe><style>*{display:none}</style>`;
const links = "[click](javascript:alert(3)) ![pic](https://evil.example/pic.png) <https://evil.example/auto> [data](data:text/html,<script>alert(4)</script>)";
const hidden = "pay\u202Eecils\u202C me\u200B now";

function nasty(what: string): string {
  return `${what} ${markup} ${links} ${hidden}`;
}

function opening() {
  return {
    reason: {
      code: `${hidden} <b>code</b>`,
      text: nasty("reason"),
      evidence: { [`key ${markup} ${hidden}`]: nasty("evidence"), nested: { [markup]: [markup] } },
    },
    summary: nasty("summary"),
    tried: [nasty("tried")],
    customer_told: nasty("told"),
    ask: {
      kind: "decision",
      prompt: nasty("prompt"),
      suggested_reply: nasty("suggested"),
      actions: [{ id: "a1", name: `act ${markup}`, arguments: { [markup]: nasty("argument") }, allowed: ["approve", "edit", "reject"] }],
      response_schema: {
        type: "object",
        properties: {
          [markup]: { type: "string", title: `title ${markup} ${hidden}`, description: nasty("description") },
          pick: { enum: [markup, hidden] },
        },
      },
    },
    conversation: {
      id: `conv ${markup}`,
      messages: [
        { role: "customer", text: nasty("customer"), author: { id: "x", name: `Dana ${markup} ${hidden}` } },
        { role: "agent", tool_calls: [{ id: "1", name: `tool ${markup} ${hidden}`, arguments: { [`arg ${markup}`]: nasty("call") } }] },
        { role: "tool", tool_result: { call_id: "1", output: nasty("output"), is_error: true } },
        { role: "agent", text: `\`\`\`html\n${markup}\n\`\`\`\n\n- ${links}\n\n> ${hidden}\n\n# ${markup}` },
        { role: markup, strange: markup },
      ],
      customer: { name: `Dana ${markup} ${hidden}`.slice(0, 200), email: `"${markup.slice(0, 30)}"@example.com`, locale: "de" },
    },
    context: [
      { label: `label ${markup.slice(0, 60)}`, value: nasty("value") },
      { label: "seems fine", url: "https://evil.example/c/9" },
    ],
    metadata: { [markup]: nasty("metadata") },
  };
}

test("an address that would run is refused at the door", async ({ bailout }) => {
  const agent = await bailout.addAgent("bot");
  for (const url of ["javascript:alert(5)", " javascript:alert(5)", "data:text/html,x", "JAVASCRIPT:alert(5)"]) {
    const { status, body } = await agent.request("POST", "/escalations", { ...opening(), context: [{ label: "run me", url }] });
    expect([status, body.code], url).toEqual([422, "invalid_field"]);
  }
});

for (const how of ["live", "server-rendered"]) {
  test(`hostile text is text, ${how}`, async ({ signedIn, bailout }) => {
    const agent = await bailout.addAgent(`bot ${markup} ${hidden}`.slice(0, 100));
    const page = await signedIn("Ada");
    undisturbed(page);
    await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
    const { id } = await agent.open(opening());
    const row = page.getByRole("list", { name: "Escalations" }).getByRole("link");
    await expect(row).toHaveCount(1);
    await harmless(page);
    if (how === "live") await row.click();
    else await page.goto(`/e/${id}`);
    const card = page.getByRole("region", { name: "Why this was escalated" });
    await expect(card).toContainText("summary <img src=x onerror=alert(1)>");
    await expect(card).toContainText("U+202E");
    const log = page.getByRole("log", { name: "Conversation" });
    await expect(log).toContainText("customer <img");
    await expect(log).toContainText("U+200B");
    await harmless(page);

    await page.getByRole("button", { name: "Take over instead" }).click();
    await expect(page.getByText("You are in control")).toBeVisible();
    await page.getByRole("textbox", { name: "Reply to customer" }).fill(nasty("operator"));
    await page.getByRole("button", { name: "Send to customer" }).click();
    await expect(log.getByRole("article", { name: /^Ada/ })).toContainText("operator <img");
    await page.getByRole("tab", { name: "Note" }).click();
    await page.getByRole("textbox", { name: "Internal note" }).fill(nasty("noted"));
    await page.getByRole("button", { name: "Add note" }).click();
    await expect(log).toContainText("noted <img");
    await agent.say(id, nasty("said later"));
    await expect(log).toContainText("said later");
    await page.getByRole("button", { name: "Resolve", exact: true }).click();
    await expect(page.getByRole("dialog", { name: "Resolve" })).toBeVisible();
    await harmless(page);

    const answer = await agent.request("POST", `/escalations/${id}/cancel`, { reason: nasty("withdrawn").slice(0, 400) });
    expect(answer.status).toBe(200);
    await page.goto("/closed");
    await expect(page.getByRole("list", { name: "Escalations" }).getByRole("link")).toHaveCount(1);
    await page.goto(`/e/${id}`);
    await expect(page.getByRole("log", { name: "Conversation" })).toContainText("withdrawn");
    await harmless(page);
  });
}
