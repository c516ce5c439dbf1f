// An answer that the server could not check in time: nothing was sent, what was typed stays, and it can be sent again.
import { bare } from "../support/openings";
import { expect, test } from "../support/story";

const schema = { type: "object", required: ["eur"], properties: { eur: { type: "number", title: "Euro" } } };
const sentence = "This answer could not be checked in time. Nothing was sent.";

test("an answer that was not checked in time stays, and is sent again or copied", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const { id } = await agent.open(bare("Dana", { ask: { kind: "question", prompt: "How much?", response_schema: schema } }));
  const page = await signedIn("Ada");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  // As the server answers when the check takes too long.
  let slow = true;
  await page.route(/\/_fn\/.*\/resolve$/, (route) =>
    slow ? route.fulfill({ contentType: "application/json", body: '{"Err":"not_checked_in_time"}' }) : route.continue(),
  );
  await page.goto(`/e/${id}`);
  await page.getByLabel("Euro").first().fill("250");
  await page.getByRole("button", { name: "Answer and hand back" }).click();
  const alert = page.getByRole("alert").filter({ hasText: sentence });
  await expect(alert).toBeVisible();
  await expect(page.getByLabel("Euro").first()).toHaveValue("250");
  expect((await agent.get(id)).outcome).toBeNull();
  await page.getByRole("button", { name: "Copy", exact: true }).click();
  expect(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))).toMatchObject({ data: { eur: 250 } });
  slow = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await expect.poll(async () => (await agent.get(id)).outcome?.data).toEqual({ eur: 250 });
  await expect(alert).toBeHidden();
});

test("in the dialog too, what was chosen stays, and is sent again", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const { id } = await agent.open(bare("Dana"));
  const page = await signedIn("Ada");
  let slow = true;
  await page.route(/\/_fn\/.*\/resolve$/, (route) =>
    slow ? route.fulfill({ contentType: "application/json", body: '{"Err":"not_checked_in_time"}' }) : route.continue(),
  );
  await page.goto(`/e/${id}`);
  await page.getByRole("button", { name: "Claim" }).click();
  await page.getByRole("button", { name: "Resolve" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Note to the agent").fill("She rang.");
  await dialog.getByRole("button", { name: "Resolve and hand back" }).click();
  await expect(dialog.getByRole("alert").filter({ hasText: sentence })).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Copy", exact: true })).toBeVisible();
  await expect(dialog.getByLabel("Note to the agent")).toHaveValue("She rang.");
  slow = false;
  await dialog.getByRole("button", { name: "Try again" }).click();
  await expect(dialog).toBeHidden();
  await expect.poll(async () => (await agent.get(id)).outcome?.note_to_agent).toBe("She rang.");
});
