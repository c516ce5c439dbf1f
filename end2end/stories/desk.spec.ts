// What makes a desk of several people: transfers, drafts, who is there, the keyboard.
import { bare } from "../support/openings";
import { expect, password, test } from "../support/story";

test("an escalation is transferred with a note, and a supervisor takes it", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const [ana, bob, grace] = [await signedIn("Ana"), await signedIn("Bob"), await signedIn("Grace", "supervisor")];
  const { id } = await agent.open(bare("Dana"));
  for (const page of [ana, bob, grace]) await page.goto(`/e/${id}`);
  await ana.getByRole("button", { name: "Claim" }).click();
  await expect(bob.getByRole("button", { name: "Ask to transfer" })).toBeVisible();
  await expect(bob.getByRole("button", { name: "Take from Ana" })).toBeHidden();
  await bob.getByRole("button", { name: "Ask to transfer" }).click();
  await expect(ana.getByRole("log", { name: "Conversation" })).toContainText("Bob asks to take this over.");

  await ana.getByRole("button", { name: "Transfer" }).click();
  const dialog = ana.getByRole("dialog", { name: "Transfer" });
  await expect(dialog.getByRole("combobox", { name: "To" })).toContainText("Bob · here · holds 0");
  await expect(dialog.getByRole("combobox", { name: "To" })).not.toContainText("Ana");
  const hand = dialog.getByRole("button", { name: "Hand over" });
  await expect(hand).toBeDisabled();
  await dialog.getByRole("combobox", { name: "To" }).selectOption({ label: "Bob · here · holds 0" });
  await dialog.getByRole("textbox", { name: "Note" }).fill("You know her.");
  await hand.click();
  await expect(bob.getByText("You are in control")).toBeVisible();
  await expect(bob.getByRole("log", { name: "Conversation" })).toContainText("Ana transferred this to Bob: You know her.");
  await expect(ana.locator(".claim-bar").getByText("Claimed by Bob")).toBeVisible();
  expect((await agent.get(id)).claimed_by.name).toBe("Bob");

  await grace.getByRole("button", { name: "Take from Bob" }).click();
  await expect(grace.getByText("You are in control")).toBeVisible();
  await expect(bob.locator(".claim-bar").getByText("Claimed by Grace")).toBeVisible();
});

test("a transfer to somebody offline asks again, and comes back to who gave it when nobody takes it", async ({ signedIn, bailout }) => {
  // The two minutes are the server's own.
  test.setTimeout(180_000);
  const agent = await bailout.addAgent("billing-bot");
  const [ada, bob] = [await signedIn("Ada"), await signedIn("Bob")];
  await bailout.addOperator({ email: "ana@example.com", name: "Ana", role: "operator", password });
  const { id } = await agent.open(bare("Dana"));
  // Both are here, as far as the server has noted it.
  await expect.poll(async () => (await agent.get(id)).desk.operators_available).toBe(2);
  await ada.goto(`/e/${id}`);
  await ada.getByRole("button", { name: "Claim" }).click();
  await ada.getByRole("button", { name: "Transfer" }).click();
  const dialog = ada.getByRole("dialog", { name: "Transfer" });
  await dialog.getByRole("combobox", { name: "To" }).selectOption({ label: "Ana · offline · holds 0" });
  await dialog.getByRole("textbox", { name: "Note" }).fill("You know her.");
  await dialog.getByRole("button", { name: "Hand over" }).click();
  await expect(dialog.getByRole("alert")).toContainText("Ana is offline.");
  // Another choice is another question, and whoever is here needs none.
  await dialog.getByRole("combobox", { name: "To" }).selectOption({ label: "Bob · here · holds 0" });
  await expect(dialog.getByRole("alert")).toBeHidden();
  await dialog.getByRole("combobox", { name: "To" }).selectOption({ label: "Ana · offline · holds 0" });
  await dialog.getByRole("button", { name: "Hand over", exact: true }).click();
  expect((await agent.get(id)).claimed_by.name).toBe("Ada");
  await dialog.getByRole("button", { name: "Hand over anyway" }).click();
  await expect(dialog).toBeHidden();
  await expect.poll(async () => (await agent.get(id)).claimed_by.name).toBe("Ana");

  // Ada looks at something else when it comes back.
  await ada.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "All open" }).click();
  const notice = ada.getByRole("region", { name: "Transfer notice" });
  await expect(notice).toContainText("Ana did not take it: Dana", { timeout: 135_000 });
  expect(await agent.get(id)).toMatchObject({ status: "waiting", control: "agent" });
  await expect(bob.getByRole("region", { name: "Transfer notice" })).toBeHidden();
  await notice.getByRole("link", { name: "Open" }).click();
  await expect(ada.getByRole("log", { name: "Conversation" })).toContainText("Ana did not take it · waiting again");
  await expect(notice).toBeHidden();
});

test("a draft survives the page, and what was said meanwhile is told", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}`);
  await page.getByRole("button", { name: "Claim" }).click();
  const reply = page.getByRole("textbox", { name: "Reply to customer" });
  const kept = page.waitForResponse((response) => response.url().includes("keep_draft") && response.ok());
  await reply.fill("Hello Dana, I");
  await kept;
  await page.reload();
  await expect(reply).toHaveValue("Hello Dana, I");
  await expect(page.getByText(/new message since you began/)).toBeHidden();
  await agent.say(id, "Are you there?");
  await expect(page.getByText("1 new message since you began.")).toBeVisible();
  await page.getByRole("button", { name: "Review" }).click();
  await expect(page.getByText(/new message since you began/)).toBeHidden();
  const forgotten = page.waitForResponse((response) => response.url().includes("/reply") && response.ok());
  await page.getByRole("button", { name: "Send to customer" }).click();
  await forgotten;
  await page.reload();
  await expect(reply).toHaveValue("");
});

test("text that was begun offline, or goes on in another tab, is there and is sent once", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}`);
  await page.getByRole("button", { name: "Claim" }).click();
  const reply = page.getByRole("textbox", { name: "Reply to customer" });
  const kept = page.waitForResponse((response) => response.url().includes("keep_draft") && response.ok());
  await reply.fill("Hello");
  await kept;

  const second = await page.context().newPage();
  await second.goto(`/e/${id}`);
  const there = second.getByRole("textbox", { name: "Reply to customer" });
  await expect(there).toHaveValue("Hello");
  await there.fill("Hello Dana");
  await second.getByRole("button", { name: "Send to customer" }).click();
  const log = page.getByRole("log", { name: "Conversation" });
  await expect(log.getByText("Hello Dana")).toHaveCount(1);
  // What still stands here is other text than what was sent under its name.
  await expect(reply).toHaveValue("Hello");
  await reply.fill("And one thing more");
  await page.getByRole("button", { name: "Send to customer" }).click();
  await expect(log.getByText("And one thing more")).toHaveCount(1);
  await expect(log.getByText("sending…")).toHaveCount(0);
  const said = async () => (await agent.history(id)).flatMap((event: any) => event.data.message?.text ?? []);
  await expect.poll(said).toEqual(["Hello Dana", "And one thing more"]);
});

test("a list tells what one has begun to write, that a customer types, and who looks", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const [ana, bob] = [await signedIn("Ana"), await signedIn("Bob")];
  const { id } = await agent.open(bare("Dana"));
  await ana.goto(`/e/${id}?view=all`);
  await ana.getByRole("button", { name: "Claim" }).click();
  await ana.getByRole("textbox", { name: "Reply to customer" }).fill("Let me see");
  const preview = (page: typeof ana) => page.getByRole("list", { name: "Escalations" }).getByRole("link").locator(".row-preview");
  await expect(preview(ana)).toHaveText("Let me see");
  await bob.goto("/all");
  await expect(preview(bob)).not.toHaveText("Let me see");
  await expect(bob.getByTitle("Ana looking")).toHaveText("A", { timeout: 25_000 });
  await agent.request("POST", `/escalations/${id}/typing`, {});
  await expect(preview(bob)).toHaveText("typing…");
  await expect(preview(bob)).not.toHaveText("typing…", { timeout: 10_000 });
});

test("what one has not read is marked, and stays read on the next page", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const [{ id }] = [await agent.open(bare("Dana")), await agent.open(bare("Eli"))];
  const dots = page.getByRole("list", { name: "Escalations" }).locator(".row-unread");
  await expect(dots).toHaveCount(2);
  const told = page.waitForResponse((response) => response.url().includes("/viewing") && response.ok());
  await page.goto(`/e/${id}`);
  await told;
  await expect(dots).toHaveCount(1);
  // What is said while one looks is read, too.
  const toldAgain = page.waitForResponse((response) => response.url().includes("/viewing") && response.ok());
  await agent.say(id, "Are you there?");
  await expect(page.getByRole("log", { name: "Conversation" })).toContainText("Are you there?");
  await toldAgain;
  await expect(dots).toHaveCount(1);
  await page.goto("/queue");
  await expect(dots).toHaveCount(1);
  await agent.say(id, "Hello?");
  await expect(dots).toHaveCount(2);
});

test("whether Enter sends is asked once, and kept", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}`);
  await page.getByRole("button", { name: "Claim" }).click();
  const reply = page.getByRole("textbox", { name: "Reply to customer" });
  const log = page.getByRole("log", { name: "Conversation" });
  await reply.fill("Hello Dana");
  await reply.press("Enter");
  // The key stays a key of the text, and the focus stays in it.
  await expect(page.getByRole("group", { name: "Enter sends?" })).toBeVisible();
  await expect(reply).toHaveValue("Hello Dana\n");
  await expect(reply).toBeFocused();
  const kept = page.waitForResponse((response) => response.url().includes("/prefer") && response.ok());
  await page.getByRole("button", { name: "Enter sends", exact: true }).click();
  await kept;
  await expect(log.getByText("Hello Dana")).toBeVisible();
  await expect(reply).toHaveValue("");
  await expect(reply).toBeFocused();
  await page.reload();
  await reply.fill("One line");
  await reply.press("Shift+Enter");
  await reply.pressSequentially("and another");
  await expect(reply).toHaveValue("One line\nand another");
  await reply.press("Enter");
  await expect(log.getByText("and another")).toBeVisible();
  await expect(reply).toHaveValue("");
});

test("each side sees who is there", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const [ana, bob] = [await signedIn("Ana"), await signedIn("Bob")];
  const { id } = await agent.open(bare("Dana"));
  await ana.goto(`/e/${id}`);
  await expect(ana.getByText("billing-bot has not listened yet")).toBeVisible();
  const heard = agent.wait(id, { until: "reply", wait: 20 });
  await expect(ana.getByText("billing-bot is listening")).toBeVisible();
  await bob.goto(`/e/${id}`);
  await expect(ana.getByText("Bob is here")).toBeVisible();
  await ana.getByRole("button", { name: "Claim" }).click();
  const bar = bob.locator(".claim-bar");
  await expect(bar).toContainText("Claimed by Ana");
  const typing = (async () => {
    for await (const frame of agent.events(`/escalations/${id}/events`)) {
      if (frame.event === "typing") return frame.data;
    }
  })();
  await ana.getByRole("textbox", { name: "Reply to customer" }).pressSequentially("Hello Dana, let me see.", { delay: 150 });
  await expect(bob.getByText("Ana is typing…")).toBeVisible();
  await expect(bar).toContainText("Ana is replying");
  expect(await typing).toMatchObject({ escalation_id: id, operator: { name: "Ana" } });
  await agent.request("POST", `/escalations/${id}/typing`, {});
  await expect(ana.getByText("Dana is typing…")).toBeVisible();
  await ana.keyboard.press("Control+Enter");
  await heard;
  await expect(bar).toContainText("Claimed by Ana", { timeout: 12_000 });
});

test("the keyboard does it all", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("billing-bot");
  const page = await signedIn("Ada");
  for (const name of ["Dana", "Eli"]) await agent.open(bare(name));
  const rows = page.getByRole("list", { name: "Escalations" }).getByRole("link");
  await expect(rows).toHaveCount(2);
  await page.keyboard.press("j");
  await expect(rows.first()).toBeFocused();
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Dana");
  await page.keyboard.press("r");
  await expect(page.getByText("You are in control")).toBeVisible();
  const reply = page.getByRole("textbox", { name: "Reply to customer" });
  await expect(reply).toBeFocused();
  await page.keyboard.type("cqe"); // letters are letters here
  await expect(reply).toHaveValue("cqe");
  await page.keyboard.press("Escape"); // and here keys again
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await page.keyboard.press("n");
  await expect(page.getByRole("textbox", { name: "Internal note" })).toBeFocused();
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("e");
  await expect(page.getByRole("dialog", { name: "Resolve" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("q");
  await expect(page.getByText(/^Waiting .* for a human/)).toBeVisible();

  // Urgency and tags: a digit chooses; Enter alone does nothing, Ctrl and Enter keeps.
  await page.keyboard.press("p");
  await expect(page.getByRole("combobox", { name: "Urgency" })).toBeFocused();
  await page.keyboard.press("1");
  await expect(page.getByRole("log", { name: "Conversation" })).toContainText("You set the urgency to Urgent");
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("l");
  const tags = page.getByRole("textbox", { name: "Tags" });
  await expect(tags).toBeFocused();
  await page.keyboard.type(" vip, refund,vip");
  await page.keyboard.press("Enter");
  await expect(tags).toBeFocused();
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("log", { name: "Conversation" })).toContainText("You set the tags to vip, refund");
  await expect(tags).toHaveValue("vip, refund");
  await expect(rows.first()).toContainText("Urgent");

  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("?");
  const sheet = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await sheet.getByRole("checkbox", { name: "Single keys act as shortcuts" }).uncheck();
  await sheet.getByRole("button", { name: "Close" }).click();
  await page.keyboard.press("c");
  await page.keyboard.press("?");
  await expect(sheet).toBeHidden();
  await expect(page.getByText(/^Waiting .* for a human/)).toBeVisible();
});
