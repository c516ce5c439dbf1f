// Nobody sees the console before signing in, and whoever was sent to the door comes back to where they were going.
import { expect, password, signIn, test } from "../support/story";

const ada = { email: "ada@example.com", name: "Ada", role: "operator", password } as const;

for (const address of ["/queue", "/mine", "/missed", "/all", "/closed"]) {
  test(`signed out, ${address} leads to the sign-in form and back`, async ({ page, bailout }) => {
    await bailout.addOperator(ada);
    await page.goto(address);
    await expect(page).toHaveURL(`/sign-in?back=${encodeURIComponent(address)}`);
    await signIn(page, ada.email, password);
    await expect(page).toHaveURL(address);
    await expect(page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "Queue" })).toBeVisible();
  });
}

test.describe(() => {
  test.use({ forgiven: [/status of 4\d\d/] }); // a browser notes each refused form as an error

  test("a wrong password lets nobody in", async ({ page, bailout }) => {
    await bailout.addOperator(ada);
    await page.goto("/sign-in");
    await signIn(page, ada.email, "not the right password");
    await expect(page).toHaveURL(/\/sign-in/);
    await page.goto("/queue");
    await expect(page).toHaveURL(/\/sign-in\?/);
  });
});
