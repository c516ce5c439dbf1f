// Nobody sees the console before signing in, and whoever was sent to the door comes back to where they were going.
import { expect, password, signIn, test } from "../support/story";
import { bare } from "../support/openings";

const ada = { email: "ada@example.com", name: "Ada", role: "operator", password } as const;

for (const address of ["/queue", "/mine", "/missed", "/all", "/closed"]) {
  test(`signed out, ${address} leads to the sign-in form and back`, async ({ page, bailout }) => {
    await bailout.addOperator(ada);
    await page.goto(address);
    await expect(page).toHaveURL(`/sign-in?back=${address}`);
    await signIn(page, ada.email, password);
    await expect(page).toHaveURL(address);
    await expect(page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "Queue" })).toBeVisible();
  });
}

test("signed out, the address of an escalation leads to the sign-in form and back to it", async ({ page, bailout }) => {
  await bailout.addOperator(ada);
  const agent = await bailout.addAgent("billing-bot");
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}?view=all`);
  await expect(page).toHaveURL(/\/sign-in\?back=/);
  await signIn(page, ada.email, password);
  await expect(page).toHaveURL(`/e/${id}?view=all`);
  await expect(page.getByRole("heading", { level: 1, name: "Dana" })).toBeVisible();
});

test("nobody is led away to another site", async ({ page, bailout }) => {
  await bailout.addOperator(ada);
  await page.goto("/sign-in?back=//evil.example/queue");
  await signIn(page, ada.email, password);
  await expect(page).toHaveURL("/queue");
});

test.describe(() => {
  test.use({ forgiven: [/status of 4\d\d/] }); // a browser notes each refused form as an error

  test("a wrong password lets nobody in", async ({ page, bailout }) => {
    await bailout.addOperator(ada);
    await page.goto("/sign-in");
    await signIn(page, ada.email, "not the right password");
    await expect(page).toHaveURL(/\/sign-in/);
    await expect(page.getByRole("alert")).toHaveText("Email or password is wrong.");
    await page.goto("/queue");
    await expect(page).toHaveURL(/\/sign-in\?/);
  });
});

test.describe(() => {
  test.use({ forgiven: [/status of 401/] }); // the tab that was not told finds out by a refused stream

  test("signing out in one tab tells the other", async ({ signedIn }) => {
    const page = await signedIn("Ada");
    const other = await page.context().newPage();
    await other.goto("/queue");
    await expect(other.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
    await page.getByRole("button", { name: "Sign out" }).click();
    await expect(page).toHaveURL(/\/sign-in/);
    await expect(other.getByText(/signed out/i).first()).toBeVisible({ timeout: 15_000 });
  });

  test("what was being written survives the end of the session", async ({ signedIn, bailout }) => {
    const agent = await bailout.addAgent("billing-bot");
    const page = await signedIn("Ada");
    const { id } = await agent.open(bare("Dana"));
    await page.goto(`/e/${id}`);
    await page.getByRole("textbox", { name: "Internal note" }).fill("half a thought");
    const other = await page.context().newPage();
    await other.goto("/queue");
    await other.getByRole("button", { name: "Sign out" }).click();
    await expect(page.getByText("You are signed out")).toBeVisible({ timeout: 15_000 });
    // Signing in again, from where the page says so, brings the page back to life with the draft in it. Nobody looks at
    // it for that.
    const [door] = await Promise.all([
      page.context().waitForEvent("page"),
      page.getByRole("link", { name: "Sign in again" }).click(),
    ]);
    await signIn(door, "ada@example.com", password);
    await expect(door.getByRole("navigation", { name: "Views" })).toBeVisible();
    await expect(page.getByText("You are signed out")).toBeHidden({ timeout: 3_000 });
    await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/, { timeout: 3_000 });
    await expect(page.getByRole("textbox", { name: "Internal note" })).toHaveValue("half a thought");
  });
});
