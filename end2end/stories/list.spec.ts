// The list that can be trusted: its order and filters are in the address, nothing moves under the pointer, what was
// missed is followed up, and many rows scroll in a small page.
import type { Page } from "@playwright/test";
import { bare } from "../support/openings";
import { expect, test } from "../support/story";

const list = (page: Page) => page.getByRole("list", { name: "Escalations" });
const rows = (page: Page) => list(page).getByRole("link");
const row = (page: Page, customer: string) => list(page).getByRole("link", { name: new RegExp(`^${customer}, `) });
const customers = (page: Page) => rows(page).locator(".row-title").allTextContents();
const views = (page: Page) => page.getByRole("navigation", { name: "Views" });
const fresh = (page: Page) => page.getByRole("button", { name: /\d+ new$/ });

async function live(page: Page) {
  await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
}

/** Away from the list: over the conversation. */
async function awayFromTheList(page: Page) {
  await page.mouse.move(1200, 600);
}

test("the address holds order and filters, and they survive a reload and a selection", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  await agent.open(bare("Anna", { urgency: "low", ask: { kind: "question" } }));
  await agent.open(bare("Bert", { urgency: "urgent" }));
  await agent.open(bare("Cleo", { urgency: "urgent", ask: { kind: "question" } }));
  await page.goto("/queue?sort=urgency");
  await live(page);
  await expect.poll(() => customers(page)).toEqual(["Bert", "Cleo", "Anna"]);
  await expect(page.getByRole("combobox", { name: "Sort" })).toHaveValue("urgency");

  await page.getByRole("combobox", { name: "Sort" }).selectOption({ label: "Newest" });
  await expect(page).toHaveURL(/\/queue\?sort=newest$/);
  await expect.poll(() => customers(page)).toEqual(["Cleo", "Bert", "Anna"]);

  // By keyboard alone.
  await page.getByText("Filter", { exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("combobox", { name: "Kind" }).selectOption({ label: "Question" });
  await expect(page).toHaveURL(/\/queue\?sort=newest&kind=question$/);
  await expect.poll(() => customers(page)).toEqual(["Cleo", "Anna"]);
  await page.getByRole("combobox", { name: "Urgency" }).selectOption({ label: "Urgent" });
  await expect.poll(() => customers(page)).toEqual(["Cleo"]);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("combobox", { name: "Kind" })).toBeHidden();
  await expect(page.getByText("Filter", { exact: true })).toBeFocused();

  // Beside an escalation it is the same list, after a reload too.
  await row(page, "Cleo").click();
  await expect(page.getByRole("heading", { level: 1, name: "Cleo" })).toBeVisible();
  await expect(page).toHaveURL(/\/e\/esc_\w+\?sort=newest&urgency=urgent&kind=question$/);
  await page.reload();
  await live(page);
  await expect.poll(() => customers(page)).toEqual(["Cleo"]);
  await page.getByRole("button", { name: "Remove filter Urgency: Urgent" }).click();
  await expect.poll(() => customers(page)).toEqual(["Cleo", "Anna"]);
  await expect(page.getByRole("heading", { level: 1, name: "Cleo" })).toBeVisible();
  await page.goBack();
  await expect.poll(() => customers(page)).toEqual(["Cleo"]);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expect.poll(() => customers(page)).toEqual(["Cleo", "Bert", "Anna"]);
});

test("a list narrowed to nothing says so, and what matches comes by itself", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  await agent.open(bare("Anna"));
  await page.goto("/queue?kind=decision&reason=safety");
  await live(page);
  await expect(page.getByText("No escalations match 2 filters")).toBeVisible();
  await awayFromTheList(page);
  const safety = { reason: { code: "safety", text: "Look." } };
  const actions = [{ id: "a", name: "pay", arguments: {} }];
  await agent.open(bare("Bert", safety));
  await agent.open(bare("Cleo", { ...safety, ask: { kind: "decision", actions } }));
  await expect.poll(() => customers(page)).toEqual(["Cleo"]);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expect.poll(() => customers(page)).toEqual(["Anna", "Bert", "Cleo"]);
});

test("nothing moves under the pointer, and what comes waits to be asked for", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const first = await agent.open(bare("Anna"));
  await agent.open(bare("Bert"));
  await page.goto("/queue?sort=newest");
  await live(page);
  await expect.poll(() => customers(page)).toEqual(["Bert", "Anna"]);

  await row(page, "Anna").hover();
  const before = await row(page, "Anna").boundingBox();
  await agent.open(bare("Cleo"));
  await agent.open(bare("Doro"));
  await agent.say(first.id, "Are you there?");
  await expect(fresh(page)).toHaveText("▲ 2 new");
  await expect(row(page, "Anna")).toContainText("Are you there?");
  expect(await customers(page)).toEqual(["Bert", "Anna"]);
  expect(await row(page, "Anna").boundingBox()).toEqual(before);
  // The click opens what is under the pointer.
  await page.mouse.down();
  await page.mouse.up();
  await expect(page.getByRole("heading", { level: 1, name: "Anna" })).toBeVisible();

  await fresh(page).click();
  await expect.poll(() => customers(page)).toEqual(["Doro", "Cleo", "Bert", "Anna"]);
  await expect(fresh(page)).toBeHidden();
  await agent.open(bare("Emil"));
  await expect(fresh(page)).toHaveText("▲ 1 new");
  await awayFromTheList(page);
  await expect.poll(() => customers(page)).toEqual(["Emil", "Doro", "Cleo", "Bert", "Anna"]);

  // The same for who comes by keyboard.
  await rows(page).first().focus();
  await agent.open(bare("Finn"));
  await expect(fresh(page)).toHaveText("▲ 1 new");
  await page.keyboard.press("Tab");
  await expect(rows(page).nth(1)).toBeFocused();
  expect((await customers(page))[0]).toBe("Emil");
});

test("a row that a colleague takes stays greyed for three seconds", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const [ana, bob] = [await signedIn("Ana"), await signedIn("Bob")];
  const taken = await agent.open(bare("Dana"));
  await agent.open(bare("Eli"));
  await bob.goto("/queue");
  await live(bob);
  await expect(rows(bob)).toHaveCount(2);
  await awayFromTheList(bob);
  await ana.goto(`/e/${taken.id}`);
  await ana.getByRole("button", { name: "Claim" }).click();
  await expect(row(bob, "Dana")).toContainText("Claimed by Ana");
  const since = Date.now();
  await expect(list(bob).getByRole("listitem").first()).toHaveAttribute("data-taken", "true");
  await expect(row(bob, "Dana")).toBeHidden();
  expect(Date.now() - since).toBeGreaterThan(1_500);
  await expect(rows(bob)).toHaveCount(1);
  await expect(row(ana, "Dana")).toBeHidden();
});

test("what was missed is followed up, and leaves the missed", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const conversation = { messages: [], customer: { name: "Dana", email: "dana@example.com" } };
  await agent.open(bare("Dana", { conversation, deadlines: { claim_within_seconds: 1 } }));
  await page.goto("/missed");
  await live(page);
  await awayFromTheList(page);
  await expect(row(page, "Dana")).toContainText("dana@example.com");
  await expect(views(page).getByRole("link", { name: "Missed" })).toContainText("1");
  await row(page, "Dana").click();
  await page.getByRole("textbox", { name: "Note on the follow-up" }).fill("Rang her.");
  await page.getByRole("button", { name: "Followed up" }).click();
  await expect(page.getByText(/^Followed up by Ada, today .*: Rang her\.$/)).toBeVisible();
  await expect(page.getByRole("log", { name: "Conversation" })).toContainText("You followed up: Rang her.");
  await expect(page.getByRole("button", { name: "Followed up" })).toBeHidden();
  await expect(row(page, "Dana")).toBeHidden();
  await views(page).getByRole("link", { name: "Closed" }).click();
  await expect(row(page, "Dana")).toContainText("Followed up");
  await expect(views(page).getByRole("link", { name: "Missed" })).not.toContainText("1");
});

test("who comes back is known, with how it ended before", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const first = await agent.open(bare("Dana"));
  await page.goto(`/e/${first.id}`);
  await page.getByRole("button", { name: "Claim" }).click();
  await page.getByRole("button", { name: "Resolve", exact: true }).click();
  await page.getByRole("textbox", { name: "Note to the agent" }).fill("Takes 3 days");
  await page.getByRole("button", { name: "Resolve and hand back" }).click();
  await expect.poll(async () => (await agent.get(first.id)).status).toBe("resolved");
  const again = await agent.open(bare("Dana"));
  await page.goto("/queue");
  await expect(row(page, "Dana")).toContainText("Earlier");
  await page.goto(`/e/${again.id}`);
  const card = page.getByRole("region", { name: "Why this was escalated" });
  await expect(card).toContainText(/Ada, today \d\d:\d\d, handled: “Takes 3 days”/);
});

test("three hundred rows scroll in a small page", async ({ signedIn, bailout }) => {
  test.setTimeout(90_000);
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  for (let n = 0; n < 300; n += 25) {
    await Promise.all(Array.from({ length: 25 }, (_, i) => agent.open(bare(`Customer ${n + i}`))));
  }
  await page.goto("/queue");
  await live(page);
  const seen = new Set<string>();
  const nodes = () => page.evaluate(() => document.querySelectorAll("*").length);
  await rows(page).first().hover();
  await expect
    .poll(
      async () => {
        (await customers(page)).forEach((customer) => seen.add(customer));
        expect(await nodes()).toBeLessThanOrEqual(1_500);
        if (seen.size < 300) await page.mouse.wheel(0, 1_500);
        return seen.size;
      },
      { timeout: 60_000, intervals: [100] },
    )
    .toBe(300);
  // Back at the top they are drawn again, and each opens what it says.
  // The wheel may still be turning.
  const first = rows(page).first();
  await expect(async () => {
    await page.locator(".list-scroll").evaluate((scroll) => scroll.scrollTo(0, 0));
    await expect(first).toBeInViewport({ timeout: 500 });
  }).toPass();
  const name = (await first.locator(".row-title").textContent()) ?? "";
  await first.click();
  await expect(page.getByRole("heading", { level: 1, name, exact: true })).toBeVisible();
});

test("while much happens, a click opens the row that was under the pointer", async ({ signedIn, bailout }) => {
  test.setTimeout(60_000);
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  for (let n = 0; n < 20; n++) await agent.open(bare(`Customer ${n}`));
  // Newest first, so that each arrival would move every row.
  await page.goto("/queue?sort=newest");
  await live(page);
  const box = (await page.locator(".list-scroll").boundingBox())!;
  let going = true;
  const arriving = (async () => {
    for (let n = 0; going; n++) {
      await agent.open(bare(`Late ${n}`));
      // One a frame: faster than that is no desk any more, and the page would be measured, not the click.
      await page.evaluate(() => new Promise(requestAnimationFrame));
    }
    return true;
  })();
  const name = (at: { x: number; y: number }) =>
    page.evaluate(({ x, y }) => document.elementFromPoint(x, y)?.closest("a")?.querySelector(".row-title")?.textContent, at);
  for (let n = 0; n < 10; n++) {
    const at = { x: box.x + 60, y: box.y + 100 + 70 * (n % 5) };
    await page.mouse.move(at.x, at.y);
    const under = await name(at);
    await page.mouse.down();
    await page.mouse.up();
    await expect(page.locator("#thread-title")).toHaveText(under ?? "a row");
    await page.mouse.move(1_000, 500);
  }
  going = false;
  expect(await arriving).toBe(true);
});

test.describe("a server behind a proxy that fails", () => {
  // A browser notes each request that failed as an error.
  test.use({ forgiven: [/Failed to load resource/] });

  test("a list that cannot be read says so, and shows no rows of another", async ({ signedIn, bailout }) => {
    const agent = await bailout.addAgent("billing-bot");
    const page = await signedIn("Ada");
    await agent.open(bare("Anna"));
    await page.goto("/queue");
    await live(page);
    await page.route("**/_fn/**", (route) => (route.request().postData()?.includes("closed") ? route.fulfill({ status: 502, body: "" }) : route.continue()));
    await views(page).getByRole("link", { name: "Closed" }).click();
    await expect(page.getByRole("alert")).toContainText("Bailout cannot be reached.");
    await expect(page.getByRole("alert")).not.toContainText("as of");
    await expect(page.locator(".row-link")).toHaveCount(0);
    await page.unroute("**/_fn/**");
    await page.getByRole("button", { name: "Retry" }).click();
    await expect(page.getByText("Nothing is closed yet.")).toBeVisible();
    await expect(page.getByRole("alert")).toHaveCount(0);
  });

  test("a list that cannot be read anew keeps its rows, says of when they are, and is read by itself later", async ({ signedIn, bailout }) => {
    const agent = await bailout.addAgent("billing-bot");
    const page = await signedIn("Ada");
    await agent.open(bare("Anna"));
    await page.goto("/queue");
    await live(page);
    await page.route("**/_fn/**", (route) => (/closed|queue/.test(route.request().postData() ?? "") ? route.fulfill({ status: 502, body: "" }) : route.continue()));
    await views(page).getByRole("link", { name: "Closed" }).click();
    await expect(page.getByRole("alert")).toContainText("Bailout cannot be reached.");
    await views(page).getByRole("link", { name: "Queue" }).click();
    await expect(page.getByRole("alert")).toContainText(/Queue as of \d\d:\d\d/);
    await expect(row(page, "Anna")).toBeVisible();
    await page.unroute("**/_fn/**");
    await expect(page.getByRole("alert")).toHaveCount(0, { timeout: 10_000 });
    await expect(row(page, "Anna")).toBeVisible();
  });
});

test("a filter that matches hardly anything is searched further when one asks for it", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const [first, ...others] = Array.from({ length: 4_500 }, (_, n) => n);
  const end = async (n: number, urgency: string) => {
    const { id } = await agent.open(bare(`Customer ${n}`, { urgency, ask: { kind: "question" } }));
    await agent.request("POST", `/escalations/${id}/cancel`, { reason: "never mind" });
  };
  // The only one that matches ended first, so it stands at the end of the list.
  await end(first, "urgent");
  while (others.length > 0) await Promise.all(others.splice(0, 50).map((n) => end(n, "normal")));
  const page = await signedIn("Ada");
  let pages = 0;
  page.on("request", (request) => (pages += request.url().includes("inbox_page") ? 1 : 0));
  await page.goto("/closed?urgency=urgent");
  await live(page);
  const further = page.getByRole("button", { name: "Search further" });
  await expect(further).toBeVisible();
  // Much later than any page that would be fetched unasked.
  for (const n of [1, 2, 3]) {
    await agent.open(bare(`Later ${n}`));
    await expect(views(page).getByRole("link", { name: "Queue" })).toContainText(String(n));
  }
  expect(pages).toBeLessThanOrEqual(1);
  await further.click();
  await expect.poll(() => customers(page), { timeout: 20_000 }).toEqual(["Customer 0"]);
  await expect(further).toBeHidden();
});
