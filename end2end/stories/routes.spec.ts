// Every address is drawn by the server, with its data, and then taken over in the browser without a complaint.
import { bare, doubleCharge } from "../support/openings";
import { mark, marked } from "../support/page";
import { expect, password, signIn, test } from "../support/story";

const headings = { "/queue": "Queue", "/mine": "Mine", "/missed": "Missed", "/all": "All open", "/closed": "Closed" };

test("every address has one heading, and wakes without a complaint", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  page.on("console", (message) => {
    if (message.type() === "warning") throw new Error(`a warning on ${page.url()}: ${message.text()}`);
  });
  const { id } = await agent.open(doubleCharge());
  const awake = () => expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
  for (const [address, heading] of Object.entries(headings)) {
    await page.goto(address);
    await awake();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(heading);
    await expect(page).toHaveTitle(new RegExp(`^(\\(\\d+\\) )?${heading} · Bailout$`));
  }
  await page.goto("/");
  await expect(page).toHaveURL("/queue");
  for (const address of [`/e/${id}`, `/e/${id}?view=all`, `/e/${id}?view=nonsense`]) {
    await page.goto(address);
    await awake();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Dana");
  }
  await page.goto("/e/esc_00000000000000000000000000");
  await awake();
  await expect(page.getByText("There is no such escalation.")).toBeVisible();
});

test.describe(() => {
  test.use({ forgiven: [/status of 404/] });

  test("what does not exist says so", async ({ signedIn }) => {
    const page = await signedIn("Ada");
    const response = await page.goto("/nowhere");
    expect(response?.status()).toBe(404);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  });
});

test("back and forward follow the address, and no page is loaded anew", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  await agent.open(bare("Dana"));
  await agent.open(bare("Eli"));
  await mark(page);
  await page.getByRole("link", { name: /^Dana, / }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Dana");
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await page.getByRole("link", { name: /^Eli, / }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Eli");
  await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "All open" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("All open");
  await page.goBack();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Eli");
  await page.goBack();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Dana");
  await page.goForward();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Eli");
  await marked(page);
});

test.describe("without scripts", () => {
  test.use({ javaScriptEnabled: false });

  test("the sign-in form works, and the server draws rows and conversations", async ({ page, bailout }) => {
    await bailout.addOperator({ email: "ada@example.com", name: "Ada", role: "operator", password });
    const agent = await bailout.addAgent("billing-bot");
    const { id } = await agent.open(doubleCharge());
    await page.goto("/queue");
    await signIn(page, "ada@example.com", password);
    await expect(page).toHaveURL("/queue");
    const row = page.getByRole("list", { name: "Escalations" }).getByRole("link", { name: /^Dana, Policy limit, waiting / });
    await expect(row).toBeVisible();
    await row.click();
    await expect(page).toHaveURL(`/e/${id}`);
    await expect(page.getByRole("region", { name: "Why this was escalated" })).toContainText("Charged twice");
    await expect(page.getByRole("log", { name: "Conversation" })).toContainText("two charges");
  });
});
