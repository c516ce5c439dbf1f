// What every story starts from: a Bailout of its own, operators at their browsers, and nothing wrong in any console.
import { type BrowserContext, type Page, test as base, expect } from "@playwright/test";
import { Bailout, type Role } from "./bailout";

export { expect };
export const password = "correct horse battery staple";

type Story = {
  bailout: Bailout;
  /** Makes an operator, who is then signed in at a browser of their own and looks at the queue. */
  signedIn: (name: string, role?: Role) => Promise<Page>;
  /** Console errors that belong to the story, such as those of a server that was stopped. */
  forgiven: RegExp[];
  faults: string[];
};

export const test = base.extend<Story>({
  forgiven: [[], { option: true }],

  bailout: async ({}, use, info) => {
    const bailout = await Bailout.start();
    await use(bailout);
    await bailout.end();
    if (info.status !== info.expectedStatus) await info.attach("server", { body: bailout.printed, contentType: "text/plain" });
  },

  baseURL: async ({ bailout }, use) => use(bailout.url),

  faults: async ({ forgiven }, use) => {
    const faults: string[] = [];
    await use(faults);
    const left = faults.filter((fault) => !forgiven.some((pattern) => pattern.test(fault)));
    expect(left, "what the browsers complained about, or fetched elsewhere").toEqual([]);
  },

  context: async ({ context, bailout, faults }, use) => {
    watch(context, bailout.url, faults);
    await use(context);
  },

  signedIn: async ({ browser, bailout, faults }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (name, role = "operator") => {
      const email = `${name.toLowerCase()}@example.com`;
      await bailout.addOperator({ email, name, role, password });
      const context = await browser.newContext({ baseURL: bailout.url });
      contexts.push(context);
      watch(context, bailout.url, faults);
      const page = await context.newPage();
      await page.goto("/queue");
      await signIn(page, email, password);
      await expect(page.getByRole("navigation", { name: "Views" })).toBeVisible();
      return page;
    });
    for (const context of contexts) await context.close();
  },
});

/** Fills in the sign-in form that the page shows. */
export async function signIn(page: Page, email: string, password: string): Promise<void> {
  await page.getByRole("textbox", { name: "Email" }).fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Notes every console error, every uncaught one, and every request that leaves our origin. */
function watch(context: BrowserContext, origin: string, faults: string[]): void {
  context.on("console", (message) => {
    if (message.type() === "error") faults.push(`${message.text()} (${message.location().url})`);
  });
  context.on("weberror", (error) => faults.push(String(error.error())));
  context.on("request", (request) => {
    const { protocol, origin: asked } = new URL(request.url());
    if (asked !== origin && !["data:", "blob:"].includes(protocol)) faults.push(`off-origin request: ${request.url()}`);
  });
}
