// What was approved is what runs: the arguments that an agent gets are those it proposed, or those with the operator's edits.
import type { Locator, Page } from "@playwright/test";
import type { Agent } from "../support/agent";
import { expect, test } from "../support/story";

const reason = { code: "needs_approval", text: "Refunds need a person." };

/** Opens a decision whose arguments are this text, byte for byte. */
async function propose(agent: Agent, args: string, schema?: object, more: object = {}): Promise<string> {
  const action = { id: "a1", name: "issue_refund", arguments: "ARGUMENTS", arguments_schema: schema };
  const body = JSON.stringify({ reason, ask: { kind: "decision", actions: [action] }, ...more }).replace('"ARGUMENTS"', () => args);
  const headers = { authorization: `Bearer ${agent.key}`, "content-type": "application/json" };
  const answer = await fetch(`${agent.url}/api/v1/escalations`, { method: "POST", headers, body });
  expect(answer.status, await answer.clone().text()).toBe(201);
  return (await answer.json()).id;
}

/** The answer to a get, as it was sent. */
async function text(agent: Agent, id: string): Promise<string> {
  const headers = { authorization: `Bearer ${agent.key}` };
  return (await fetch(`${agent.url}/api/v1/escalations/${id}`, { headers })).text();
}

function card(page: Page): Locator {
  return page.getByRole("group", { name: "issue_refund" });
}

async function decided(agent: Agent, id: string) {
  await expect.poll(async () => (await agent.get(id)).status).toBe("resolved");
  return (await agent.get(id)).outcome;
}

const odd: [string, object, string][] = [
  ["a required text that is empty", { type: "string" }, '""'],
  ["a text of blanks", { type: "string" }, '"  "'],
  ["no text", { type: "string" }, "null"],
  ["true as text", { type: "boolean" }, '"true"'],
  ["null for a flag", { type: "boolean" }, "null"],
  ["a choice in other letters", { enum: ["basic", "pro"] }, '"Basic"'],
  ["a number for a text", { type: "string" }, "4721"],
  ["a text for a number", { type: "number" }, '"250"'],
  ["line breaks", { type: "string" }, '"Hi Dana,\\nyour refund\\r\\nis there"'],
  ["digits that doubles lose", { type: "number" }, "0.12345678901234567890"],
  ["a number with zeros", { type: "number" }, "250.00"],
  ["a list of other things", { type: "array", items: { type: "object", properties: { a: { type: "string" } } } }, '[1, {"a": 2}, "x"]'],
  ["an object with more in it", { type: "object", properties: { a: { type: "string" } } }, '{"b": 1.0, "a": null}'],
];

test("an untouched card is approvable and hands back the proposed bytes", async ({ signedIn, bailout }) => {
  test.setTimeout(120_000);
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  for (const [what, schema, value] of odd) {
    for (const required of [["x"], []]) {
      const args = `{ "z": 1.50,  "x": ${value}, "a": "kept" }`;
      const id = await propose(agent, args, { type: "object", required, properties: { x: schema, a: { type: "string" } } });
      await page.goto(`/e/${id}`);
      const approve = card(page).getByRole("button", { name: "Approve", exact: true });
      await expect(approve, what).toBeEnabled();
      await approve.click();
      const outcome = await decided(agent, id);
      expect(outcome.actions[0].decision, what).toBe("approve");
      expect(await text(agent, id), what).toContain(`"decision":"approve","arguments":${args}`);
    }
  }
});

test("a proposal that breaks its own schema says so, and is approvable", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const schema = { type: "object", required: ["eur", "order"], properties: { eur: { type: "number" }, order: { type: "string" } } };
  const id = await propose(agent, '{"eur": "250"}', schema);
  const warnings = (await agent.get(id)).warnings.map((it: { pointer: string }) => it.pointer);
  expect(warnings).toEqual(["/ask/actions/0/arguments/eur", "/ask/actions/0/arguments/order"].sort((a, b) => warnings.indexOf(a) - warnings.indexOf(b)));
  await page.goto(`/e/${id}`);
  await expect(card(page)).toContainText(/Does not match shop-bot's own schema: .*eur is text/);
  await expect(card(page).getByRole("spinbutton", { name: "eur" })).toHaveAccessibleDescription(/The proposed value is text/);
  // An edit elsewhere is not held up by it.
  await card(page).getByRole("textbox", { name: "order" }).fill("A-1");
  await card(page).getByRole("button", { name: "Edit and approve" }).click();
  const outcome = await decided(agent, id);
  expect(outcome.actions[0]).toMatchObject({ decision: "edit", arguments: { eur: "250", order: "A-1" } });
  expect(outcome.actions[0].warnings).toEqual([{ pointer: "/actions/0/arguments/eur", detail: "is text" }]);
});

test("an edit changes its place and nothing else", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const schema = {
    properties: {
      mail: { type: "string" },
      lines: { type: "array", title: "Lines", items: { type: "object", properties: { sku: { type: "string" }, n: { type: "integer" } }, required: ["sku"] } },
      to: { type: "object", title: "Address", properties: { city: { type: ["string", "null"] } } },
      more: {},
    },
  };
  const args = '{"rate": 0.10, "mail": "Hi Dana,\\nyour refund", "lines": [{"sku": "a", "n": 1.0, "x": 7.50}, {"sku": "b"}], "to": {"city": "Bern"}, "more": {"k": 1.50}}';
  const id = await propose(agent, args, schema);
  await page.goto(`/e/${id}`);
  const mail = card(page).getByRole("textbox", { name: "mail" });
  await expect(mail).toHaveValue("Hi Dana,\nyour refund");
  await mail.press("End");
  await mail.pressSequentially("\nis there.");
  await card(page).getByRole("button", { name: "Remove Lines 2" }).click();
  await card(page).getByRole("button", { name: "Add item" }).click();
  await card(page).getByRole("textbox", { name: "sku" }).nth(1).fill("c");
  await card(page).getByRole("spinbutton", { name: "n" }).nth(1).fill("9007199254740993");
  await expect(card(page).getByRole("spinbutton", { name: "n" }).nth(1)).toHaveAccessibleDescription(/beyond/);
  await card(page).getByRole("spinbutton", { name: "n" }).nth(1).fill("3");
  await expect(card(page).getByRole("spinbutton", { name: "n" }).nth(1)).not.toHaveAccessibleDescription(/beyond/);
  await card(page).getByRole("textbox", { name: "city" }).fill("");
  await card(page).getByRole("button", { name: "Edit and approve" }).click();
  await decided(agent, id);
  expect(await text(agent, id)).toContain(
    '"decision":"edit","arguments":{"rate":0.10,"mail":"Hi Dana,\\nyour refund\\nis there.","lines":[{"sku":"a","n":1.0,"x":7.50},{"sku":"c","n":3}],"to":{"city":null},"more":{"k":1.50}}',
  );
});

test("arguments that may not be edited show their line breaks", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const actions = [{ id: "a1", name: "issue_refund", arguments: { mail: "Hi Dana,\nyour refund" }, allowed: ["approve", "reject"] }];
  const { id } = await agent.open({ reason, ask: { kind: "decision", actions } });
  await page.goto(`/e/${id}`);
  await expect(card(page).getByText("Hi Dana,")).toHaveCSS("white-space-collapse", "preserve");
  expect(await card(page).getByText("Hi Dana,").innerText()).toBe("Hi Dana,\nyour refund");
  await expect(page.getByRole("button", { name: "Take over instead" }).first()).toBeHidden();
});

test("a response form checks as one types, and says what is missing", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const response_schema = {
    type: "object",
    required: ["plan", "note", "when", "v"],
    properties: {
      v: { const: 2, title: "Version" },
      plan: { $ref: "#/$defs/plan" },
      note: { type: "string", maxLength: 10 },
      when: { type: "string", format: "date" },
      mail: { type: "string", format: "email" },
      eur: { type: ["integer", "null"], minimum: 1, description: "In euros.", default: 5 },
    },
    $defs: { plan: { title: "Plan", enum: ["basic", "pro"] } },
  };
  const { id } = await agent.open({ reason, ask: { kind: "question", response_schema } });
  await page.goto(`/e/${id}`);
  const form = page.getByRole("tabpanel");
  const commit = page.getByRole("button", { name: "Answer and hand back" });
  await commit.click();
  await expect(form.getByLabel("Plan")).toHaveAccessibleDescription(/required/);
  await form.getByLabel("Plan").selectOption("pro");
  await expect(form.getByLabel("Plan")).not.toHaveAccessibleDescription(/required/);
  await form.getByLabel("note").fill("more than ten");
  await expect(form.getByLabel("note")).toHaveAccessibleDescription(/at most 10 characters/);
  await form.getByLabel("note").fill("");
  await form.getByLabel("when").fill("2026-11-30");
  await form.getByLabel("mail").fill("dana@");
  await expect(form.getByLabel("mail")).toHaveAccessibleDescription(/must look like/);
  await form.getByLabel("mail").fill("dana@example.com");
  await expect(form.getByLabel("eur")).toHaveValue("5");
  await form.getByLabel("eur").fill("0");
  await expect(form.getByLabel("eur")).toHaveAccessibleDescription(/In euros\. At least 1\..*must be at least 1/);
  await form.getByLabel("eur").fill("");
  await commit.click();
  const outcome = await decided(agent, id);
  expect(outcome.data).toEqual({ eur: null, v: 2, plan: "pro", note: "", when: "2026-11-30", mail: "dana@example.com" });
  await expect(page.getByRole("button", { name: "Take over instead" })).toBeHidden();
});

test("the second of two cards and the focus stay when the first is decided", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const actions = [
    { id: "a1", name: "issue_refund", arguments: { eur: 250 } },
    { id: "a2", name: "send_mail", arguments: { to: "dana@example.com" } },
  ];
  const { id } = await agent.open({ reason, ask: { kind: "decision", actions } });
  await page.goto(`/e/${id}`);
  const mail = page.getByRole("group", { name: "send_mail" });
  await mail.getByRole("textbox", { name: "Arguments" }).fill('{"to": "ana@example.com"}');
  await card(page).getByRole("button", { name: "Approve", exact: true }).focus();
  await page.keyboard.press("Enter");
  await expect(card(page)).toBeFocused();
  for (const key of ["Enter", " "]) await page.keyboard.press(key);
  await expect(card(page)).toContainText("Approved. Sent once all are decided.");
  await expect(mail).toBeInViewport();
  await expect(mail.getByRole("textbox", { name: "Arguments" })).toHaveValue('{"to": "ana@example.com"}');
  await mail.getByRole("button", { name: "Edit and approve" }).click();
  const outcome = await decided(agent, id);
  expect(outcome.actions).toMatchObject([{ decision: "approve", arguments: { eur: 250 } }, { decision: "edit", arguments: { to: "ana@example.com" } }]);
});

test("a card shows every argument, and marks what is wrong where Pydantic writes the schema", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const schema = {
    properties: {
      eur: { anyOf: [{ type: "number" }, { type: "null" }], default: null },
      to: { anyOf: [{ $ref: "#/$defs/Address" }, { type: "null" }], default: null },
      notify: { anyOf: [{ type: "boolean" }, { type: "null" }], default: true },
      kind: { const: "refund", default: "refund" },
    },
    $defs: { Address: { type: "object", title: "Address", properties: { city: { type: "string", title: "City" } }, required: ["city"] } },
  };
  const id = await propose(agent, '{"eur": "250", "to": null, "iban": "DE00", "lines": [1, 2]}', schema);
  await page.goto(`/e/${id}`);
  await expect(card(page)).toContainText("iban");
  await expect(card(page)).toContainText("DE00");
  await expect(card(page)).toContainText("Does not match shop-bot's own schema: eur is text");
  await expect(card(page).getByRole("combobox", { name: "notify" })).toHaveValue("");
  await expect(card(page).getByRole("combobox", { name: "notify" })).toHaveAccessibleDescription(/Default: true/);
  await card(page).getByRole("textbox", { name: "City" }).fill("Łódź");
  await card(page).getByRole("button", { name: "Edit and approve" }).click();
  await decided(agent, id);
  expect(await text(agent, id)).toContain('"arguments":{"eur":"250","to":{"city":"Łódź"},"iban":"DE00","lines":[1,2]}');
});

test("a refusal of the arguments as a whole is told on the card", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const schema = { properties: { a: { type: "string" }, b: { type: "string" } }, not: { required: ["a", "b"] } };
  const id = await propose(agent, '{"a": "1"}', schema);
  await page.goto(`/e/${id}`);
  await card(page).getByRole("textbox", { name: "b" }).fill("2");
  await card(page).getByRole("button", { name: "Edit and approve" }).click();
  await expect(card(page)).toContainText("This does not satisfy not.");
  expect((await agent.get(id)).status).toBe("waiting");
});

test("the agent corrects a proposal while it is looked at", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const propose = (eur: number) => ({
    kind: "decision",
    actions: [
      { id: "a1", name: "issue_refund", arguments: { eur, order: "A-1" } },
      { id: "a2", name: "send_letter", arguments: { to: "Dana" } },
    ],
  });
  const { id } = await agent.open({ reason, ask: propose(300) });
  await page.goto(`/e/${id}`);
  const letter = page.getByRole("group", { name: "send_letter" });
  await letter.getByRole("button", { name: "Approve", exact: true }).click();
  await expect(letter).toContainText("Approved.");
  await page.getByRole("textbox", { name: "Note to the agent" }).fill("Careful.");

  // The corrected action is open with what changed; the other one, and the text, stay as they were.
  const changes = { ask: propose(250), summary: "The second charge alone.", customer: { name: "Dana Weber" } };
  expect((await agent.update(id, changes)).ask.version).toBe(2);
  await expect(card(page).getByRole("note")).toContainText("eur: “300” → “250”");
  await expect(letter).toContainText("Approved.");
  await expect(letter.getByRole("note")).toHaveCount(0);
  await expect(page.getByRole("textbox", { name: "Note to the agent" })).toHaveValue("Careful.");
  const why = page.getByRole("region", { name: "Why this was escalated" });
  await expect(why).toContainText("The second charge alone.");
  await expect(page.getByRole("log")).toContainText("shop-bot changed summary: nothing → “The second charge alone.”");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Dana Weber");

  // A key or a click that was meant for the proposal before approves nothing.
  const approve = card(page).getByRole("button", { name: "Approve", exact: true });
  await expect(approve).toBeDisabled();
  const bar = page.getByRole("alert").filter({ hasText: "The agent has changed what it asks." });
  await expect(bar).toContainText("eur: “300” → “250”");
  await bar.getByRole("button", { name: "I have seen it" }).click();
  await expect(bar).toBeHidden();
  await expect(approve).toBeEnabled();
  // A second change is told alone.
  await agent.update(id, { ask: propose(240) });
  await expect(bar).toContainText("eur: “250” → “240”");
  await expect(bar).not.toContainText("“300”");
  await bar.getByRole("button", { name: "I have seen it" }).click();
  await agent.update(id, { ask: propose(250) });
  await bar.getByRole("button", { name: "I have seen it" }).click();
  expect((await agent.get(id)).status).toBe("waiting");

  // A page that is loaded now shows the same.
  await expect.poll(async () => {
    await page.reload();
    return page.getByRole("textbox", { name: "Note to the agent" }).inputValue();
  }).toBe("Careful.");
  await expect(card(page).getByRole("note")).toContainText("eur: “240” → “250”");
  await expect(letter).toContainText("Approved.");
  await card(page).getByRole("button", { name: "Approve", exact: true }).click();
  const outcome = await decided(agent, id);
  expect(outcome).toMatchObject({ disposition: "approved", ask_version: 4, note_to_agent: "Careful." });
  expect(outcome.actions_to_run.map((it: any) => it.arguments)).toEqual([{ eur: 250, order: "A-1" }, { to: "Dana" }]);
});

test("a question that is corrected keeps the answer that is being written", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const ask = { kind: "question", prompt: "What may I offer?" };
  const { id } = await agent.open({ reason, ask });
  await page.goto(`/e/${id}`);
  const answer = page.getByRole("textbox", { name: "Answer to the agent" });
  await answer.fill("A voucher.");
  await agent.update(id, { ask: { prompt: "What may I offer Dana?" } });
  await expect(page.getByRole("region", { name: "Why this was escalated" })).toContainText("What may I offer Dana?");
  await expect(answer).toHaveValue("A voucher.");
  await answer.press("Control+Enter");
  const seen = page.getByRole("button", { name: "I have seen it" });
  await expect(seen).toBeFocused();
  expect((await agent.get(id)).status).toBe("waiting");
  await seen.click();
  await page.getByRole("button", { name: "Answer and hand back" }).click();
  expect(await decided(agent, id)).toMatchObject({ answer: "A voucher.", ask_version: 2 });
});
