// What must not come out of hostile text, however it was written.
import { type Page, expect } from "@playwright/test";

/** Nothing may ask the operator anything. */
export function undisturbed(page: Page): void {
  page.context().on("dialog", (dialog) => {
    throw new Error(`a dialog: ${dialog.message()}`);
  });
}

/** Nothing is on the page that runs, loads, hides or leads where it must not. */
export async function harmless(page: Page) {
  const found = await page.evaluate(() => ({
    elements: [...document.querySelectorAll("img, iframe, object, embed, video, audio, body style, base, [onerror], [onload], [onclick]")].map((it) => it.outerHTML),
    scripts: [...document.scripts].filter((it) => /alert|evil/.test(it.src || it.textContent!.slice(0, 40))).map((it) => it.outerHTML),
    links: [...document.links].map((it) => it.protocol).filter((it) => !["http:", "https:", "mailto:"].includes(it)),
    // What turns the direction of writing, or has no width, must not be among what is shown.
    hidden: /[\u202A-\u202E\u2066-\u2069\u200B\uFEFF]/.test(document.body.innerText),
    title: /[\u202A-\u202E\u200B]/.test(document.title),
    labels: [...document.querySelectorAll("[aria-label], [title]")].filter((it) => /[\u202A-\u202E\u200B]/.test(it.getAttribute("aria-label") ?? it.getAttribute("title") ?? "")).length,
  }));
  expect(found).toEqual({ elements: [], scripts: [], links: [], hidden: false, title: false, labels: 0 });
}
