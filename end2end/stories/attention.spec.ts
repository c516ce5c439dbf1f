// What calls an operator who looks elsewhere: the title, and notifications by one tab of all that are open.
import type { Page } from "@playwright/test";
import { bare } from "../support/openings";
import { expect, test } from "../support/story";

/** A browser that grants notifications and keeps them. */
async function keepNotes(page: Page) {
  await page.addInitScript(() => {
    const notes: { body: string; closed: boolean }[] = ((window as any).notes = []);
    (window as any).Notification = class {
      static permission = "granted";
      static requestPermission = async () => "granted";
      note: { body: string; closed: boolean };
      constructor(_: string, { body }: { body: string }) {
        this.note = { body, closed: false };
        notes.push(this.note);
      }
      close() {
        this.note.closed = true;
      }
    };
  });
}

async function hide(page: Page) {
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  });
}

const notes = (page: Page): Promise<{ body: string; closed: boolean }[]> => page.evaluate(() => (window as any).notes);

test("one tab calls, once, and takes it back when a colleague is quicker", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const [first, bob] = [await signedIn("Ana"), await signedIn("Bob")];
  const second = await first.context().newPage();
  for (const page of [first, second]) {
    await keepNotes(page);
    await page.goto("/queue");
    await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
  }
  const bell = first.getByRole("button", { name: "Notifications" });
  await expect(bell).toHaveAttribute("aria-pressed", "false");
  await bell.click();
  await expect(bell).toHaveAttribute("aria-pressed", "true");
  // The browser remembers it for all of its tabs.
  await second.reload();
  await expect(second.getByRole("button", { name: "Notifications" })).toHaveAttribute("aria-pressed", "true");
  await expect(second.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
  for (const page of [first, second]) await hide(page);

  const { id } = await agent.open(bare("Dana"));
  // Who looks elsewhere reads who has waited longest.
  for (const page of [first, second]) await expect(page).toHaveTitle(/^\(1\) Dana waits \d+s · Bailout$/);
  await expect.poll(async () => (await Promise.all([first, second].map(notes))).flat().length).toBe(1);
  const [called] = (await Promise.all([first, second].map(notes))).flat();
  expect(called.body).toBe("Dana waits: user requested");
  await bob.goto(`/e/${id}`);
  await bob.getByRole("button", { name: "Claim" }).click();
  await expect.poll(async () => (await Promise.all([first, second].map(notes))).flat()).toEqual([{ ...called, closed: true }]);
  for (const page of [first, second]) await expect(page).toHaveTitle("Queue · Bailout");
});

test("whoever looks is not called, and nobody is who did not ask", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ana");
  await keepNotes(page);
  await page.goto("/queue");
  await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
  await agent.open(bare("Dana"));
  await expect(page).toHaveTitle("(1) Queue · Bailout");
  expect(await notes(page)).toEqual([]);
});
