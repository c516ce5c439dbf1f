// Whatever is typed into a field is text, and nothing else happens: in every state of an escalation, while rows arrive, while
// colleagues act, and while dialogs are open.
import type { Locator, Page } from "@playwright/test";
import type { Agent } from "../support/agent";
import { bare } from "../support/openings";
import { expect, test } from "../support/story";

// Every shortcut is among its letters, and each line ends with an Enter.
const prose = "Quick, claim it? Resolve, transfer / note: 1 2 3.\n\nA line begins.\nThe end, just like that. ";
const line = prose.replaceAll("\n", "");
const ordinary = ["keep_draft", "viewing", "thread", "inbox", "inbox_page", "bootstrap", "who_am_i", "targets"];

/** What the page has asked the server to do, by the names of the calls. Reading, and keeping drafts, is nothing. */
function acts(page: Page): string[] {
  const all: string[] = [];
  page.on("request", (request) => {
    const path = new URL(request.url()).pathname;
    const name = path.split("/").pop() ?? "";
    if (path.startsWith("/_fn/") && !ordinary.includes(name)) all.push(name);
  });
  return all;
}

/** Types into a field while rows arrive. A field of one line takes everything but the line breaks. */
async function types(page: Page, agent: Agent, field: Locator, text = prose) {
  const at = page.url();
  await field.fill("");
  await field.focus();
  const arriving = (async () => {
    for (const name of ["Fay", "Gus", "Hal"]) await agent.open(bare(name, { conversation: { id: crypto.randomUUID(), messages: [], customer: { name } } }));
  })();
  await Promise.all([page.keyboard.type(text, { delay: 4 }), arriving]);
  const isArea = await field.evaluate((it) => it instanceof HTMLTextAreaElement);
  await expect(field).toHaveValue(isArea ? text : text.replaceAll("\n", ""));
  await expect(field).toBeFocused();
  expect(page.url()).toBe(at);
}

/** Answers nothing to a call until the story says so. */
async function hold(page: Page, call: string): Promise<() => void> {
  let go = () => {};
  const held = new Promise<void>((done) => (go = done));
  await page.route(`**/_fn/**${call}*`, async (route) => {
    await held;
    await route.continue();
  });
  return go;
}

test("prose stays prose: waiting, claimed by a colleague, claimed by me, in dialogs, and closed", async ({ signedIn, bailout }) => {
  test.setTimeout(90_000);
  const agent = await bailout.addAgent("billing-bot");
  const [ada, bob] = [await signedIn("Ada"), await signedIn("Bob")];
  const response_schema = { type: "object", properties: { reference: { type: "string", title: "Reference" } } };
  const { id } = await agent.open(bare("Dana", { ask: { kind: "takeover", response_schema } }));
  for (const page of [ada, bob]) await page.goto(`/e/${id}`);
  const note = (page: Page) => page.getByRole("textbox", { name: "Internal note" });
  await expect(ada.getByRole("button", { name: "Claim" })).toBeEnabled();
  const [byAda, byBob] = [acts(ada), acts(bob)];
  await types(ada, agent, note(ada));

  await bob.getByRole("button", { name: "Claim" }).click();
  await expect(bob.getByText("You are in control")).toBeVisible();
  await expect(ada.locator(".claim-bar").getByText("Claimed by Bob")).toBeVisible();
  await types(ada, agent, note(ada));
  expect(byAda).toEqual([]);
  expect(byBob.splice(0)).toEqual(["claim"]);

  // The first Enter of a reply asks whether Enter sends; the rest of the sentence answers nothing.
  const reply = bob.getByRole("textbox", { name: "Reply to customer" });
  await types(bob, agent, reply);
  await expect(bob.getByRole("group", { name: "Enter sends?" })).toBeVisible();
  // The answer is kept. What has gone on since that Enter is not sent by it.
  await bob.getByRole("button", { name: "Enter sends", exact: true }).click();
  await expect(reply).toBeFocused();
  await expect(reply).toHaveValue(prose);
  await expect.poll(() => byBob).toEqual(["prefer"]);
  byBob.splice(0);
  await types(bob, agent, bob.getByRole("textbox", { name: "Tags" }));
  await bob.keyboard.press("Escape");

  await bob.getByRole("button", { name: "Resolve", exact: true }).click();
  const resolve = bob.getByRole("dialog", { name: "Resolve" });
  await types(bob, agent, resolve.getByRole("textbox", { name: "Reference" }));
  await types(bob, agent, resolve.getByRole("textbox", { name: "Note to the agent" }));
  // A click beside the fields leaves the dialog open, and the page behind it deaf.
  await resolve.getByRole("heading", { name: "Resolve" }).click();
  await bob.keyboard.type("q c t n");
  await expect(resolve).toBeVisible();
  await resolve.getByRole("button", { name: "Cancel" }).click();
  await bob.getByRole("button", { name: "Transfer" }).click();
  const transfer = bob.getByRole("dialog", { name: "Transfer" });
  await types(bob, agent, transfer.getByRole("textbox", { name: "Note" }));
  await transfer.getByRole("button", { name: "Cancel" }).click();
  expect(byBob).toEqual([]);
  expect((await agent.get(id)).status).toBe("claimed");

  // It is closed while Ada types.
  const closing = agent.request("POST", `/escalations/${id}/cancel`, { reason: "The customer left." });
  await Promise.all([types(ada, agent, note(ada)), closing]);
  await expect(ada.getByRole("log", { name: "Conversation" })).toContainText("The customer left.");
  await types(ada, agent, note(ada));
  expect([byAda, byBob]).toEqual([[], []]);
});

test("prose stays prose: in an answer, on a decision card, while a colleague claims it", async ({ signedIn, bailout }) => {
  test.setTimeout(90_000);
  const agent = await bailout.addAgent("pricing-bot");
  const [ada, bob] = [await signedIn("Ada"), await signedIn("Bob")];
  const reason = { code: "knowledge_gap", text: "The price list does not say." };
  const one_line = { type: "object", properties: { plan: { type: "string", title: "Plan" } } };
  const all = [
    { ask: { kind: "question", prompt: "What does it cost?" }, field: "Answer to the agent" },
    { ask: { kind: "question", prompt: "Which plan?", response_schema: one_line }, field: "Plan" },
    { ask: { kind: "decision", actions: [{ id: "a1", name: "issue_refund", arguments: { eur: 250 } }] }, field: "Note to the agent" },
  ];
  const byAda = acts(ada);
  for (const { ask, field } of all) {
    const { id } = await agent.open({ reason, ask });
    for (const page of [ada, bob]) await page.goto(`/e/${id}`);
    const box = ada.locator("#thread").getByRole("textbox", { name: field }).first();
    await expect(bob.getByRole("button", { name: "Claim" })).toBeEnabled();
    await expect(ada.getByRole("button", { name: "Claim" })).toBeEnabled();
    await types(ada, agent, box);

    // Bob claims it under Ada's hands. Her field may go with that; the rest of what she types does nothing.
    await bob.getByRole("button", { name: "Claim" }).click();
    await expect(ada.locator(".claim-bar").getByText("Claimed by Bob")).toBeVisible();
    await ada.keyboard.type(prose);
    await expect(ada).toHaveURL(new RegExp(id));
    await expect(ada.getByRole("dialog")).toHaveCount(0);
    const status = await agent.get(id);
    expect([status.status, status.claimed_by.name]).toEqual(["claimed", "Bob"]);
    if (ask.kind === "question") await expect(box).toBeFocused();
  }
  expect(byAda).toEqual([]);
  // Once she has left the text, keys are shortcuts again.
  await ada.getByRole("heading", { level: 1 }).click();
  await ada.keyboard.press("?");
  await expect(ada.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
});

test("prose stays prose on the pages with forms", async ({ signedIn, bailout }) => {
  test.setTimeout(90_000);
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada", "admin");
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.method()));
  for (const path of ["/search", "/settings/agents", "/settings/queues", "/settings/people", "/me"]) {
    await page.goto(path);
    const fields = page.locator("input[type=text]:visible, textarea:visible");
    for (const field of await fields.all()) {
      const most = Number((await field.getAttribute("maxlength")) ?? 0) || line.length;
      // Enter in a line of a plain form submits it, as in every browser; in an area it begins a line.
      const isArea = await field.evaluate((it) => it instanceof HTMLTextAreaElement);
      await types(page, agent, field, (isArea ? prose : line).slice(0, most));
    }
  }
  expect(asked).not.toContain("POST");
});

test("a claim that comes through while a note is written leaves the note alone", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}`);
  const release = await hold(page, "claim");
  await page.getByRole("button", { name: "Claim" }).click();
  const note = page.getByRole("textbox", { name: "Internal note" });
  await note.focus();
  await page.keyboard.type("Not for the customer: ");
  release();
  await expect(page.getByText("You are in control")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Release/ })).toBeEnabled();
  await page.keyboard.type("he lied.");
  await expect(note).toBeFocused();
  await expect(note).toHaveValue("Not for the customer: he lied.");
  await page.getByRole("tab", { name: "Reply" }).click();
  await expect(page.getByRole("textbox", { name: "Reply to customer" })).toHaveValue("");
});

test("whoever loses a claim while replying keeps the text, and sends nothing", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const [ada, grace] = [await signedIn("Ada"), await signedIn("Grace", "supervisor")];
  const { id } = await agent.open(bare("Dana"));
  for (const page of [ada, grace]) await page.goto(`/e/${id}`);
  await ada.getByRole("button", { name: "Claim" }).click();
  const reply = ada.getByRole("textbox", { name: "Reply to customer" });
  await expect(reply).toBeFocused();
  await ada.keyboard.type("Hello Dana, ");
  const byAda = acts(ada);
  await grace.getByRole("button", { name: "Take from Ada" }).click();
  await expect(ada.locator(".claim-bar").getByText("Claimed by Grace")).toBeVisible();
  await ada.keyboard.type("quite a claim!");
  await expect(reply).toHaveValue("Hello Dana, quite a claim!");
  await expect(ada.getByText("You do not hold this any more.")).toBeVisible();
  await ada.keyboard.press("Control+Enter");
  await expect(ada.getByRole("alert")).toContainText("Your claim has changed");
  await expect(reply).toHaveValue("Hello Dana, quite a claim!");
  expect(byAda).toEqual([]);
});

test("the sheet of shortcuts opens on Close", async ({ signedIn }) => {
  const page = await signedIn("Ada");
  await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
  const sheet = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  for (const key of ["Space", "Enter"]) {
    await page.keyboard.press("?");
    await expect(sheet.getByRole("button", { name: "Close" })).toBeFocused();
    await page.keyboard.press(key);
    await expect(sheet).toBeHidden();
  }
  await page.keyboard.press("?");
  await expect(sheet.getByRole("checkbox", { name: "Single keys act as shortcuts" })).toBeChecked();
});

test("a composition never sends, in Safari's order of events either", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}`);
  await page.getByRole("button", { name: "Claim" }).click();
  const reply = page.getByRole("textbox", { name: "Reply to customer" });
  await expect(reply).toBeFocused();
  const all = acts(page);
  await page.keyboard.type("こんにちは");
  /** The key that ends a composition, as Safari reports it: the composition is over, and only the code tells. */
  const ends = (field: Locator, more: object) =>
    field.evaluate((it, more) => it.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", code: "Enter", keyCode: 229, bubbles: true, cancelable: true, ...more })), more);
  for (const more of [{}, { ctrlKey: true }, { metaKey: true }, { isComposing: true, keyCode: 13 }]) {
    expect(await ends(reply, more), "nobody has taken the key").toBe(true);
  }
  await expect(page.getByRole("group", { name: "Enter sends?" })).toBeHidden();
  await page.getByRole("button", { name: "Resolve", exact: true }).click();
  const note = page.getByRole("dialog", { name: "Resolve" }).getByRole("textbox", { name: "Note to the agent" });
  await note.fill("終わり");
  expect(await ends(note, { ctrlKey: true })).toBe(true);
  await expect(page.getByRole("dialog", { name: "Resolve" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(reply).toHaveValue("こんにちは");
  expect(all).toEqual([]);
  expect((await agent.get(id)).status).toBe("claimed");
});

test("shortcuts work on layouts of other scripts", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}`);
  const press = (key: string, code: string, shiftKey = false) =>
    page.evaluate((it) => document.body.dispatchEvent(new KeyboardEvent("keydown", { ...it, bubbles: true, cancelable: true })), { key, code, shiftKey });
  // Cyrillic, Greek, Hebrew and Hangul: what the keys of C and Q type.
  for (const [c, q] of [["с", "й"], ["ψ", ";"], ["ב", "/"], ["ㅊ", "ㅂ"]]) {
    await expect(page.getByRole("button", { name: "Claim" })).toBeEnabled();
    await press(c, "KeyC");
    await expect(page.getByText("You are in control")).toBeVisible();
    await expect(page.getByRole("button", { name: /^Release/ })).toBeEnabled();
    await press(q, "KeyQ");
    await expect(page.getByText(/^Waiting .* for a human/)).toBeVisible();
  }
  await press(",", "Slash", true);
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
});

test("Escape in a field of Details closes the field, not the pane", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}`);
  const details = page.getByRole("complementary", { name: "Details" });
  const tags = details.getByRole("textbox", { name: "Tags" });
  await expect(page.getByRole("button", { name: "Claim" })).toBeEnabled();
  const all = acts(page);
  await tags.focus();
  await page.keyboard.type("vip");
  await page.keyboard.press("Escape");
  await expect(details).toBeVisible();
  await expect(details).toBeFocused();
  await expect(tags).toHaveValue("");
  await details.getByRole("combobox", { name: "Urgency" }).focus();
  await page.keyboard.press("Escape");
  await expect(details).toBeVisible();
  await expect(details).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(details).toBeHidden();
  await expect(page.getByRole("button", { name: "Details" })).toBeFocused();
  expect(all).toEqual([]);
});

test.describe(() => {
  test.use({ forgiven: [/Failed to load resource/] });

  test("a transfer dialog that learns nobody stays open, with its text", async ({ signedIn, bailout }) => {
    const agent = await bailout.addAgent("billing-bot");
    const page = await signedIn("Ada");
    const { id } = await agent.open(bare("Dana"));
    await page.goto(`/e/${id}`);
    await page.getByRole("button", { name: "Claim" }).click();
    await expect(page.getByRole("button", { name: "Transfer" })).toBeEnabled();
    let fail = () => {};
    const failing = new Promise<void>((done) => (fail = done));
    await page.route("**/_fn/**targets*", async (route) => {
      await failing;
      await route.abort();
    });
    await page.getByRole("button", { name: "Transfer" }).click();
    const note = page.getByRole("dialog", { name: "Transfer" }).getByRole("textbox", { name: "Note" });
    await note.focus();
    await page.keyboard.type("She asks ");
    fail();
    await expect(page.getByRole("dialog", { name: "Transfer" }).getByRole("alert")).toBeVisible();
    await page.keyboard.type("every quarter");
    await expect(note).toHaveValue("She asks every quarter");
  });
});
