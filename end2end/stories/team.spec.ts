// From nothing to a second person and a second agent, without a shell: the link of the first start, the settings, search.
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { Agent } from "../support/agent";
import { bare } from "../support/openings";
import { expect, password, signIn, test } from "../support/story";

async function well(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html).join(" ")}`);
  expect.soft(found, page.url()).toEqual([]);
  const { width } = page.viewportSize()!;
  expect.soft(await page.evaluate(() => document.documentElement.scrollWidth), "scrolls sideways").toBeLessThanOrEqual(width);
}

async function join(page: Page, name: string) {
  await page.getByRole("textbox", { name: "Name" }).fill(name);
  await page.getByRole("textbox", { name: "Email" }).fill(`${name.toLowerCase()}@example.com`);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("main").getByRole("button", { name: /Set up|Join/ }).click();
}

test("the first start leads to an admin, a key, and the first escalation", async ({ page, bailout }) => {
  const link = /http\S+\/set-up\/\S+/.exec(bailout.printed)?.[0] ?? "";
  await page.goto(link);
  await well(page);
  await join(page, "Ada");
  const key = await page.locator("#key").textContent();
  await expect(page.locator("#call")).toContainText(`Bearer ${key}`);
  await well(page);
  const line = page.getByRole("status").filter({ hasText: "Listening for your first escalation…" });
  await expect(line).toBeVisible();
  await expect(page.locator("html[data-enhanced]")).toBeAttached();
  const { id } = await new Agent(bailout.url, key ?? "").open(bare("Dana"));
  await page.getByRole("link", { name: "Your first escalation is here: open it" }).click();
  await expect(page).toHaveURL(new RegExp(`/e/${id}$`));
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Dana");
  // The link is spent.
  const again = await page.request.get(link);
  expect(again.status()).toBe(404);
});

for (const width of [1280, 390]) {
  test(`an admin invites a colleague and adds an agent, ${width} px wide`, async ({ signedIn, browser, bailout }) => {
    const ada = await signedIn("Ada", "admin");
    await ada.setViewportSize({ width, height: 800 });
    await ada.goto("/settings/people");
    await expect(ada.getByRole("heading", { level: 1 })).toHaveText("People");
    await ada.getByRole("combobox", { name: "Role" }).selectOption("supervisor");
    await ada.getByRole("button", { name: "Create invite link" }).click();
    await well(ada);
    const link = (await ada.locator("#invite-link").textContent()) ?? "";

    const context = await browser.newContext();
    const bob = await context.newPage();
    await bob.goto(link);
    await join(bob, "Bob");
    await expect(bob.getByRole("navigation", { name: "Views" })).toBeVisible();
    await bob.goto("/settings/people");
    await expect(bob.getByText("This needs the role admin.")).toBeVisible();
    await bob.goto("/me");
    await bob.getByRole("combobox", { name: "Theme" }).selectOption("dark");
    await bob.getByRole("button", { name: "Save" }).first().click();
    await expect(bob.locator("html")).toHaveAttribute("data-theme", "dark");
    await bob.goto("/queue");
    await expect(bob.locator("html")).toHaveAttribute("data-theme", "dark");
    await context.close();

    await ada.goto("/settings/agents");
    await ada.getByRole("textbox", { name: "Name" }).fill("billing-bot");
    await ada.getByRole("button", { name: "Add agent" }).click();
    const key = (await ada.locator("#key").textContent()) ?? "";
    await well(ada);
    const agent = new Agent(bailout.url, key);
    await agent.open(bare("Dana"));
    await ada.getByRole("button", { name: "Send a trial escalation" }).click();
    await expect(ada).toHaveURL(/\/e\/esc_/);
    await expect(ada.getByRole("button", { name: "Claim" })).toBeEnabled();

    await ada.goto("/settings/queues");
    await expect(ada.getByRole("heading", { level: 1 })).toHaveText("Queues");
    await well(ada);
    await ada.goto("/me");
    await well(ada);
  });
}

test("a queue is set up, renamed and removed, and open consoles follow", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const [root, bob] = [await signedIn("Root", "admin"), await signedIn("Bob")];
  const queue = (name: string) => root.getByRole("region", { name, exact: true });
  await root.goto("/settings/queues");
  await queue("Add a queue").getByRole("textbox", { name: "Name" }).fill("billing");
  await queue("Add a queue").getByRole("button", { name: "Add" }).click();
  const within = queue("billing").getByRole("textbox", { name: "Claim within" });
  await within.fill("15m");
  await queue("billing").getByRole("checkbox", { name: "Root" }).check();
  await queue("billing").getByRole("button", { name: "Save" }).click();
  await expect(within).toHaveValue("15 min");
  await well(root);

  const { id } = await agent.open(bare("Dana", { routing: { queue: "billing" } }));
  await bob.goto(`/e/${id}`);
  const claim = bob.getByRole("button", { name: "Claim", exact: true });
  await expect(bob.getByText("Only members of the queue billing and supervisors can claim this")).toBeVisible();
  await expect(claim).toBeHidden();
  await well(bob);
  await queue("billing").getByRole("textbox", { name: "Name" }).fill("invoices");
  await queue("billing").getByRole("button", { name: "Save" }).click();
  await expect(queue("invoices")).toContainText("Agents also find it as: billing");
  // Bob's page follows by itself.
  await expect(bob.getByText("Only members of the queue invoices and supervisors can claim this")).toBeVisible();
  await queue("invoices").getByRole("checkbox", { name: "Root" }).uncheck();
  await queue("invoices").getByRole("button", { name: "Save" }).click();
  await expect(claim).toBeVisible();
  await claim.click();
  await expect.poll(async () => (await agent.get(id)).status).toBe("claimed");

  await queue("invoices").getByText("Remove queue…").click();
  await expect(queue("invoices").getByText("It takes nothing new")).toBeVisible();
  await well(root);
  await queue("invoices").getByRole("button", { name: "Remove queue", exact: true }).click();
  await expect(queue("invoices")).toHaveCount(0);
  const gone = root.getByRole("listitem").filter({ hasText: "invoices" });
  await expect(gone.getByRole("link", { name: "What is open in it" })).toBeVisible();
  await well(root);
  const [held, next] = [await agent.get(id), await agent.open(bare("Eve", { routing: { queue: "invoices" } }))];
  expect([held.status, held.queue, next.queue, next.warnings.length]).toEqual(["claimed", "invoices", "default", 1]);
  await gone.getByRole("button", { name: "Add again" }).click();
  await expect(queue("invoices").getByRole("textbox", { name: "Claim within" })).toHaveValue("15 min");
});

test("what was said is found again, and one is away by a button", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await agent.say(id, "The parcel with the lampshade never came.");
  await page.keyboard.press("/");
  await page.getByRole("textbox", { name: "Search" }).fill("lampsh");
  await page.keyboard.press("Enter");
  const found = page.getByRole("list", { name: "Results" }).getByRole("listitem");
  await expect(found).toHaveCount(1);
  await expect(found.locator("mark")).toHaveText("lampshade");
  await well(page);
  await found.getByRole("link").click();
  await expect(page.getByRole("log", { name: "Conversation" })).toContainText("lampshade");

  await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
  await expect.poll(async () => (await agent.get(id)).desk.operators_available).toBe(1);
  await page.getByRole("button", { name: "Away", exact: true }).click();
  await expect.poll(async () => (await agent.get(id)).desk.operators_available).toBe(0);
});

test("a key is shown once, and can be copied", async ({ signedIn }) => {
  const page = await signedIn("Ada", "admin");
  await page.goto("/settings/agents");
  await page.getByRole("textbox", { name: "Name" }).fill("billing-bot");
  await page.getByRole("button", { name: "Add agent" }).click();
  await expect(page.locator("#key")).toBeVisible();
  await page.getByRole("button", { name: "Copy" }).first().click();
  await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
  await page.context().clearCookies();
  await page.goto("/settings/agents");
  await signIn(page, "ada@example.com", password);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Agents");
  await expect(page.locator("#key")).toHaveCount(0);
});
