// Every open page comes right by itself: after a crash, a restart, a lost network and a hidden tab, drafts kept.
import type { Page } from "@playwright/test";
import { bare } from "../support/openings";
import { live, mark, marked } from "../support/page";
import { expect, test } from "../support/story";

// A browser notes each request that finds no server, or no network, as an error.
test.use({ forgiven: [/ERR_|Failed to load resource/] });

const bar = (page: Page) => page.getByRole("region", { name: "Connection notice" });
const row = (page: Page, customer: string) => page.getByRole("list", { name: "Escalations" }).getByRole("link", { name: new RegExp(`^${customer}, `) });

test("a killed server is missed, and the page catches up when it is back", async ({ signedIn, bailout }) => {
  test.setTimeout(60_000);
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await row(page, "Dana").click();
  await page.getByRole("button", { name: "Claim" }).click();
  const reply = page.getByRole("textbox", { name: "Reply to customer" });
  await reply.fill("Half a sent");
  await live(page);
  await mark(page);

  await bailout.stop("SIGKILL");
  await expect(bar(page)).toContainText("Reconnecting", { timeout: 10_000 });
  await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Reconnecting/);
  await expect(page.getByRole("button", { name: "Resolve", exact: true })).toBeDisabled({ timeout: 10_000 });
  await expect(reply).toHaveValue("Half a sent");

  await bailout.serve();
  await agent.say(id, "Are you there?");
  await agent.open(bare("Eli"));
  await expect(page.getByRole("log", { name: "Conversation" })).toContainText("Are you there?", { timeout: 20_000 });
  await expect(row(page, "Eli")).toBeVisible();
  await expect(bar(page)).toContainText("Back online");
  await live(page);
  await expect(page.getByText("You are in control")).toBeVisible();
  await expect(page.getByRole("button", { name: "Resolve", exact: true })).toBeEnabled();
  await expect(reply).toHaveValue("Half a sent");
  await agent.open(bare("Fay"));
  await expect(row(page, "Fay")).toBeVisible();
  await marked(page);
});

test("a polite restart is hardly noticed", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  await live(page);
  await mark(page);
  const begun = Date.now();
  await bailout.stop("SIGTERM");
  console.log(`  stopped in ${Date.now() - begun} ms`);
  await bailout.serve();
  await agent.open(bare("Dana"));
  await expect(row(page, "Dana")).toBeVisible({ timeout: 15_000 });
  await marked(page);
});

test("offline, a reply waits; online, it is sent by itself, and everything is there once", async ({ signedIn, bailout }) => {
  test.setTimeout(60_000);
  const agent = await bailout.addAgent("billing-bot");
  const [ana, bob] = [await signedIn("Ana"), await signedIn("Bob")];
  const [{ id }, other] = [await agent.open(bare("Dana")), await agent.open(bare("Eli"))];
  await ana.goto(`/e/${id}`);
  await ana.getByRole("button", { name: "Claim" }).click();
  const reply = ana.getByRole("textbox", { name: "Reply to customer" });
  await reply.fill("first");
  await live(ana);
  await mark(ana);
  await ana.context().setOffline(true);
  await ana.getByRole("button", { name: "Send to customer" }).click();
  const log = ana.getByRole("log", { name: "Conversation" });
  await expect(log.getByText("first")).toBeVisible();
  await expect(log.getByText("sending…")).toBeVisible();
  await reply.fill("second, unsent");

  // A colleague's and the customer's doings meanwhile.
  await bob.goto(`/e/${other.id}`);
  await bob.getByRole("button", { name: "Claim" }).click();
  await bob.getByRole("textbox", { name: "Reply to customer" }).fill("Hello Eli");
  await bob.getByRole("button", { name: "Send to customer" }).click();
  await expect(bob.getByRole("log").getByText("Hello Eli")).toBeVisible();
  await agent.say(id, "while you were away");

  await ana.context().setOffline(false);
  await expect(log).toContainText("while you were away", { timeout: 20_000 });
  await live(ana);
  await expect(log.getByRole("button", { name: "Retry" })).toBeHidden();
  await expect(log.locator("[data-state=pending]")).toHaveCount(0, { timeout: 15_000 });
  await expect(log.getByText("first")).toHaveCount(1);
  await expect(reply).toHaveValue("second, unsent");
  await expect(row(ana, "Eli")).toBeHidden();
  const said = (await agent.history(id)).filter((event: any) => event.data.message?.text === "first");
  expect(said).toHaveLength(1);
  await marked(ana);
});

test("a hidden tab is right when it is looked at again", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  await live(page);
  await mark(page);
  const hide = (hidden: boolean) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => (hidden ? "hidden" : "visible") });
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    }, hidden);
  await hide(true);
  await agent.open(bare("Dana"));
  await hide(false);
  await expect(row(page, "Dana")).toBeVisible();
  await marked(page);
});

test("a reply that is refused keeps its text", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}`);
  await page.getByRole("button", { name: "Claim" }).click();
  await page.getByRole("textbox", { name: "Reply to customer" }).fill("a long and careful answer");
  // The agent withdraws it while the reply is on its way.
  await page.route("**/_fn/**reply*", async (route) => {
    const { status } = await agent.request("POST", `/escalations/${id}/cancel`, { reason: "The customer left." });
    expect(status).toBe(200);
    await route.continue();
  });
  await page.getByRole("button", { name: "Send to customer" }).click();
  const log = page.getByRole("log", { name: "Conversation" });
  await expect(log).toContainText("failed: This escalation is already closed.");
  await expect(log).toContainText("a long and careful answer");
  await expect(log.getByRole("button", { name: "Copy" })).toBeVisible();
  await expect(log).toContainText("withdrew this: The customer left.");
  await expect(page.getByRole("textbox", { name: "Reply to customer" })).toBeHidden();
});
