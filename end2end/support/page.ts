// What several stories ask of an open page.
import type { Page } from "@playwright/test";
import { expect } from "./story";

/** Waits until the page is connected, also after an interruption. */
export async function live(page: Page) {
  await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/, { timeout: 20_000 });
}

/** Marks the page: a reload would take the mark away. */
export async function mark(page: Page) {
  await page.evaluate(() => ((window as any).notReloaded = true));
}

/** Expects the mark: the page was not reloaded since. */
export async function marked(page: Page) {
  expect(await page.evaluate(() => (window as any).notReloaded)).toBe(true);
}
