// The page is true after every interruption: of the network, of the session, of the page itself, and by another tab.
import type { Page } from "@playwright/test";
import { bare } from "../support/openings";
import { live, mark, marked } from "../support/page";
import { expect, test } from "../support/story";

// A browser notes each request that finds no server, or no network, as an error.
test.use({ forgiven: [/ERR_|Failed to load resource/] });

const bar = (page: Page) => page.getByRole("region", { name: "Connection notice" });
const list = (page: Page) => page.getByRole("list", { name: "Escalations" });
const row = (page: Page, customer: string) => list(page).getByRole("link", { name: new RegExp(`^${customer}, `) });
const views = (page: Page) => page.getByRole("navigation", { name: "Views" });
const reply = (page: Page) => page.getByRole("textbox", { name: "Reply to customer" });
const note = (page: Page) => page.getByRole("textbox", { name: "Internal note" });
const isKept = (page: Page) => page.waitForResponse((response) => response.url().includes("keep_draft") && response.ok());

/** Reloads the page so long after what was done last. */
async function reloadAfter(page: Page, milliseconds: number) {
  await page.evaluate((wait) => new Promise((done) => setTimeout(done, wait)), milliseconds);
  await page.reload();
}

test("a list and an escalation that could not be loaded offline load by themselves online", async ({ signedIn, bailout }) => {
  test.setTimeout(60_000);
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  await agent.open(bare("Dana"));
  await expect(row(page, "Dana")).toBeVisible();
  await live(page);
  await mark(page);

  await page.context().setOffline(true);
  await views(page).getByRole("link", { name: "All open" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "All open" })).toBeVisible();
  await expect(page.getByRole("alert")).toContainText("Bailout cannot be reached.");
  await expect(page.locator(".row-link")).toHaveCount(0);
  await page.context().setOffline(false);
  await expect(row(page, "Dana")).toBeVisible({ timeout: 10_000 });
  await expect(page.getByRole("alert")).toHaveCount(0);
  await live(page);

  await page.context().setOffline(true);
  await row(page, "Dana").click();
  await expect(page.getByRole("main")).toContainText("Bailout cannot be reached.");
  await page.context().setOffline(false);
  await expect(page.getByRole("heading", { level: 1, name: "Dana" })).toBeVisible({ timeout: 10_000 });
  await marked(page);
});

test("a single request that fails beside a stream that stays is made again", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  await agent.open(bare("Dana"));
  await expect(row(page, "Dana")).toBeVisible();
  await live(page);
  await page.route("**/_fn/**", (route) => route.abort());
  await row(page, "Dana").click();
  await expect(page.getByRole("main")).toContainText("Bailout cannot be reached.");
  await expect(page.getByRole("main").getByRole("button", { name: "Retry" })).toBeVisible();
  await page.unroute("**/_fn/**");
  await expect(page.getByRole("heading", { level: 1, name: "Dana" })).toBeVisible({ timeout: 10_000 });
});

test("while a list is on its way, no rows of another stand under its heading", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  await agent.open(bare("Dana"));
  await expect(row(page, "Dana")).toBeVisible();
  await live(page);
  let letThrough = () => {};
  const held = new Promise<void>((done) => (letThrough = done));
  await page.route("**/_fn/**", async (route) => {
    if (route.request().postData()?.includes("mine")) await held;
    await route.continue();
  });
  await views(page).getByRole("link", { name: "Mine" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Mine" })).toBeVisible();
  await expect(page.locator(".row-link")).toHaveCount(0);
  await expect(page.getByText("No one is waiting.")).toBeHidden();
  letThrough();
  await expect(page.getByText("Nothing claimed.")).toBeVisible();
  await views(page).getByRole("link", { name: "Queue" }).click();
  await expect(row(page, "Dana")).toBeVisible();
});

test("the browser's word that the network is gone is believed at once", async ({ signedIn }) => {
  const page = await signedIn("Ada");
  await live(page);
  await mark(page);
  await page.context().setOffline(true);
  // The page gives a stream that broke without a word of the browser a second and a half to come back.
  await expect(bar(page)).toContainText("Reconnecting", { timeout: 1_300 });
  await page.context().setOffline(false);
  await live(page);
  await marked(page);
});

test("a network that dies without a word is noticed within 20 seconds", async ({ signedIn, bailout }) => {
  test.setTimeout(90_000);
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  await agent.open(bare("Dana"));
  await expect(row(page, "Dana")).toBeVisible();
  await live(page);
  await mark(page);
  bailout.freeze();
  await views(page).getByRole("link", { name: "All open" }).click();
  await expect(page.locator(".row-link")).toHaveCount(0);
  await expect(bar(page)).toContainText("Reconnecting", { timeout: 20_000 });
  bailout.thaw();
  await live(page);
  await expect(row(page, "Dana")).toBeVisible();
  await marked(page);
});

test("a draft survives a reload a tenth of a second after the last key", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}`);
  await page.getByRole("button", { name: "Claim" }).click();
  let written = "";
  for (const more of ["Hello", " Dana,", " I can", " refund", " that."]) {
    await reply(page).focus();
    await page.keyboard.press("End");
    await page.keyboard.type(more);
    written += more;
    await reloadAfter(page, 100);
    await expect(reply(page)).toHaveValue(written);
    await live(page);
  }
  await page.getByRole("button", { name: "Send to customer" }).click();
  const log = page.getByRole("log", { name: "Conversation" });
  await expect(log.getByText(written)).toHaveCount(1);
  await expect(log.getByText("sending…")).toHaveCount(0);
  // Neither does what was sent come back.
  await reloadAfter(page, 100);
  await live(page);
  await expect(reply(page)).toHaveValue("");
});

test("a draft that the server never got is there after a reload, and the server gets it then", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const [{ id }, question] = [
    await agent.open(bare("Dana")),
    await agent.open(bare("Eli", { ask: { kind: "question", prompt: "What does it cost?" } })),
  ];
  // What a page sends while it is left may be lost, as with every request here.
  await page.addInitScript(() => {
    navigator.sendBeacon = () => true;
  });
  await page.route("**/_fn/**keep_draft*", (route) => route.abort());
  await page.goto(`/e/${id}`);
  await live(page);
  await note(page).fill("Ask billing first");
  await reloadAfter(page, 100);
  await expect(note(page)).toHaveValue("Ask billing first");

  const answer = page.getByRole("textbox", { name: "Answer to the agent" });
  await page.goto(`/e/${question.id}`);
  await live(page);
  await answer.fill("12 EUR a month");
  await reloadAfter(page, 100);
  await live(page);
  await expect(answer).toHaveValue("12 EUR a month");

  await page.unroute("**/_fn/**keep_draft*");
  const other = await page.context().newPage();
  const inOther = async (address: string, textbox: typeof answer) => {
    await other.goto(address);
    await live(other);
    return textbox.inputValue();
  };
  await expect.poll(() => inOther(`/e/${id}`, note(other))).toBe("Ask billing first");
  const there = other.getByRole("textbox", { name: "Answer to the agent" });
  await expect.poll(() => inOther(`/e/${question.id}`, there)).toBe("12 EUR a month");
});

test("what is sent in one tab leaves the draft of another, also after a reload", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const first = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await first.goto(`/e/${id}`);
  await first.getByRole("button", { name: "Claim" }).click();
  await expect(reply(first)).toBeVisible();
  const second = await first.context().newPage();
  await second.goto(`/e/${id}`);
  for (const page of [first, second]) await live(page);
  const log = first.getByRole("log", { name: "Conversation" });

  // Both tabs were open before anything was written.
  let kept = isKept(first);
  await reply(first).fill("written in the first tab");
  await kept;
  kept = isKept(second);
  await reply(second).fill("sent from the second tab");
  await kept;
  await second.getByRole("button", { name: "Send to customer" }).click();
  await expect(log.getByText("sent from the second tab")).toHaveCount(1);
  await expect(reply(first)).toHaveValue("written in the first tab");
  await first.reload();
  await expect(reply(first)).toHaveValue("written in the first tab");

  // The same with notes.
  for (const page of [first, second]) {
    await live(page);
    await page.getByRole("tab", { name: "Note" }).click();
  }
  kept = isKept(first);
  await note(first).fill("noted in the first tab");
  await kept;
  kept = isKept(second);
  await note(second).fill("added from the second tab");
  await kept;
  // The second tab takes its own draft back once the note is there.
  kept = isKept(second);
  await second.getByRole("button", { name: "Add note" }).click();
  await expect(log.getByText("added from the second tab")).toHaveCount(1);
  await kept;
  await expect(note(first)).toHaveValue("noted in the first tab");
  await first.reload();
  await live(first);
  await first.getByRole("tab", { name: "Note" }).click();
  await expect(note(first)).toHaveValue("noted in the first tab");
  await first.getByRole("tab", { name: "Reply" }).click();
  await expect(reply(first)).toHaveValue("written in the first tab");
});
