// Everybody can use it: no violation that axe finds, in both themes, wide and narrow; no scrolling sideways.
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { bare, doubleCharge, everyKind } from "../support/openings";
import { expect, test } from "../support/story";

async function well(page: Page, what: string) {
  // A colour on its way to another is neither.
  const settled = () => document.getAnimations().filter((it) => it instanceof CSSTransition).map((it) => it.finished.catch(() => {}));
  await page.evaluate(`Promise.all((${settled})())`);
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => `${node.target} ${node.failureSummary?.split("\n")[1]}`).join("; ")}`);
  expect.soft(found, what).toEqual([]);
}

async function fits(page: Page, what: string) {
  const beyond = await page.evaluate(() => {
    const wide = document.documentElement.clientWidth;
    const over = document.documentElement.scrollWidth > wide;
    const who = [...document.querySelectorAll("body *")].filter((it) => it.getBoundingClientRect().right > wide + 1);
    return over ? who.slice(0, 5).map((it) => it.outerHTML.slice(0, 80)) : [];
  });
  expect.soft(beyond, `${what} scrolls sideways`).toEqual([]);
}

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [1440, 390, 320]) {
    test(`${colorScheme}, ${width} px wide`, async ({ signedIn, bailout }) => {
      test.setTimeout(90_000);
      const agent = await bailout.addAgent("billing-bot");
      const page = await signedIn("Ada");
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      const look = async (what: string) => {
        await fits(page, what);
        if (width !== 320) await well(page, what);
      };
      await look("the empty queue");
      const { id } = await agent.open(doubleCharge({ urgency: "urgent", ask: { kind: "takeover", response_schema: everyKind } }));
      await agent.open(bare("Eli"));
      await page.goto("/queue");
      await expect(page.getByRole("list", { name: "Escalations" }).getByRole("link")).toHaveCount(2);
      await look("the queue");
      await page.goto(`/e/${id}`);
      await expect(page.getByRole("button", { name: "Claim" })).toBeEnabled();
      await look("a waiting escalation");
      await page.getByRole("button", { name: "Claim" }).click();
      await page.getByRole("textbox", { name: "Reply to customer" }).fill("Hello");
      await page.getByRole("button", { name: "Send to customer" }).click();
      await expect(page.getByRole("log").getByText("Hello")).toBeVisible();
      await look("my escalation");
      await page.getByRole("button", { name: "Resolve", exact: true }).click();
      await expect(page.getByRole("dialog", { name: "Resolve" })).toBeVisible();
      await page.getByRole("button", { name: "Resolve and hand back" }).click();
      await look("the resolve dialog with problems");
      await page.keyboard.press("Escape");
      await expect(page.getByRole("dialog", { name: "Resolve" })).toBeHidden();
      await page.context().clearCookies();
      await page.goto("/sign-in");
      await look("the sign-in page");
    });
  }
}

test("on a narrow page, details open and close again", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  for (const width of [1000, 390]) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`/e/${id}`);
    await expect(page.getByRole("button", { name: "Claim" })).toBeEnabled();
    const details = page.getByRole("complementary", { name: "Details" });
    await expect(details).toBeHidden();
    await page.getByRole("button", { name: "Details" }).click();
    await expect(details).toBeVisible();
    await page.getByRole("button", { name: "Close details" }).click();
    await expect(details).toBeHidden();
    await expect(page.getByRole("button", { name: "Details" })).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(details).toBeVisible();
    await expect(page.getByRole("button", { name: "Close details" })).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(details).toBeHidden();
    await expect(page.getByRole("button", { name: "Details" })).toBeFocused();
  }
});

test("a long name leaves room for the buttons beside it", async ({ signedIn }) => {
  const page = await signedIn("Wilhelmine-Charlotte");
  for (const path of ["/queue", "/me"]) {
    await page.goto(path);
    for (const width of [1440, 1024, 390]) {
      await page.setViewportSize({ width, height: 800 });
      const edge = (await page.locator(".rail").boundingBox())!;
      const last = (await page.getByRole("button", { name: "Sign out" }).boundingBox())!;
      expect(last.x + last.width, `${path}, ${width} px`).toBeLessThanOrEqual(edge.x + edge.width);
    }
  }
});
