// Two operators at one escalation: one of them has it, and both know who.
import { bare } from "../support/openings";
import { expect, test } from "../support/story";

test("of two claims at the same moment one wins, and the other is told who", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const pages = { Ana: await signedIn("Ana"), Bob: await signedIn("Bob") };
  for (let round = 0; round < 3; round++) {
    const { id } = await agent.open(bare(`Dana ${round}`));
    const all = Object.values(pages);
    await Promise.all(all.map((page) => page.goto(`/e/${id}`)));
    const claims = all.map((page) => page.getByRole("button", { name: "Claim" }));
    for (const claim of claims) await expect(claim).toBeEnabled();
    // Nobody hears of the other's claim before their own is sent.
    let ready = 0;
    let go = () => {};
    const both = new Promise<void>((done) => (go = done));
    for (const page of all) {
      await page.route("**/_fn/**claim*", async (route) => {
        if (++ready === all.length) go();
        await both;
        await route.continue();
      });
    }
    await Promise.all(claims.map((claim) => claim.click()));
    await expect.poll(async () => (await agent.get(id)).status).toBe("claimed");
    for (const page of all) await page.unroute("**/_fn/**claim*");
    const winner = (await agent.get(id)).claimed_by.name as "Ana" | "Bob";
    const loser = winner === "Ana" ? "Bob" : "Ana";
    await expect(pages[winner].getByText("You are in control")).toBeVisible();
    await expect(pages[winner].getByRole("textbox", { name: "Reply to customer" })).toBeVisible();
    await expect(pages[loser].getByRole("alert")).toContainText(`${winner} claimed this`);
    await expect(pages[loser].getByText(`${winner} is in control`)).toBeVisible();
    await expect(pages[loser].locator(".claim-bar").getByText(`Claimed by ${winner}`)).toBeVisible();
    await expect(pages[loser].getByRole("textbox", { name: "Reply to customer" })).toBeHidden();
    await expect(pages[loser].getByRole("button", { name: "Claim" })).toBeHidden();
    await expect(pages[loser].getByRole("button", { name: "Resolve", exact: true })).toBeHidden();
  }
});

test("a claim and a release show live on the other's page, and in every list", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const [ana, bob] = [await signedIn("Ana"), await signedIn("Bob")];
  await expect(bob.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
  const { id } = await agent.open(bare("Dana"));
  const row = bob.getByRole("list", { name: "Escalations" }).getByRole("link", { name: /^Dana, / });
  await expect(row).toBeVisible();

  await ana.getByRole("link", { name: /^Dana, / }).click();
  await ana.getByRole("button", { name: "Claim" }).click();
  await expect(ana.getByText("You are in control")).toBeVisible();
  await expect(row).toBeHidden();
  await bob.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "All open" }).click();
  await expect(row).toHaveAccessibleName(/claimed by Ana/);
  await ana.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "Mine" }).click();
  await expect(ana.getByRole("list", { name: "Escalations" }).getByRole("link", { name: /^Dana, / })).toBeVisible();

  // Bob reads along, and may leave a note.
  await row.click();
  await expect(bob.locator(".claim-bar").getByText("Claimed by Ana")).toBeVisible();
  await expect(bob.getByRole("textbox", { name: "Reply to customer" })).toBeHidden();
  await bob.getByRole("textbox", { name: "Internal note" }).fill("I know this customer.");
  await bob.getByRole("button", { name: "Add note" }).click();
  await ana.getByRole("link", { name: /^Dana, / }).click();
  await expect(ana.getByRole("log", { name: "Conversation" })).toContainText("I know this customer.");

  await ana.getByRole("button", { name: /^Release/ }).click();
  await expect(bob.getByText(/^Waiting .* for a human/)).toBeVisible();
  await expect(bob.getByRole("button", { name: "Claim" })).toBeEnabled();
  await expect(bob.getByRole("log", { name: "Conversation" })).toContainText("Ana released this");
  await ana.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "Queue" }).click();
  await expect(ana.getByRole("link", { name: /^Dana, / })).toBeVisible();
  expect((await agent.get(id)).status).toBe("waiting");
});

test("a viewer reads and changes nothing", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Vera", "viewer");
  const { id } = await agent.open(bare("Dana"));
  await page.getByRole("link", { name: /^Dana, / }).click();
  await expect(page.getByRole("region", { name: "Why this was escalated" })).toBeVisible();
  for (const name of ["Claim", "Resolve", "Release", "Take over instead"]) {
    await expect(page.getByRole("button", { name, exact: true })).toBeHidden();
  }
  await expect(page.getByRole("textbox")).toHaveCount(0);
  expect((await agent.get(id)).status).toBe("waiting");
});
