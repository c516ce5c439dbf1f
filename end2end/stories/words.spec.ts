// Words are shown as they were written: by customers and operators as they were typed, by agents as Markdown of which
// nothing is lost.
import { expect, test } from "../support/story";

const reason = { code: "policy_limit", text: "A refund above my limit." };

test("what people typed is literal, and what agents wrote loses no sign", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const typed = "3. no\n- 20 EUR **now**\n\n  _track_ 2*3*4=24 AT&amp;T <dana@example.com> https://shop.example/x_y";
  const formatted = [
    "Here is **what I found**:",
    "3. three\n5. five",
    "- 20 EUR\n- milk",
    "+ 49 170 · # 4721 · \\\\server\\_docs · __init__.py · ~~99~~ 79",
    "[Note]: broken",
    "10. Dezember",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "[terms](https://shop.example/terms)",
  ].join("\n\n");
  const conversation = { customer: { name: "Dana" }, messages: [{ role: "customer", text: typed }, { role: "agent", text: formatted }] };
  const { id } = await agent.open({ reason, conversation });
  await page.goto(`/e/${id}`);

  const customer = page.getByRole("article", { name: /^Customer/ });
  await expect(customer.locator(".message-body")).toHaveText(typed.replace("x_y", "x_y shop.example"), { useInnerText: true });
  await expect(customer.getByRole("link", { name: "dana@example.com" })).toHaveAttribute("href", "mailto:dana@example.com");

  const bot = page.getByRole("article", { name: /^Agent/ });
  const body = bot.locator(".message-body");
  for (const words of ["3.", "5.", "- 20 EUR", "+ 49 170 · # 4721 · \\\\server\\_docs · __init__.py", "[Note]: broken", "10.", "Dezember", "terms shop.example https://shop.example/terms"]) {
    await expect(body).toContainText(words);
  }
  await expect(body.locator("strong")).toHaveText("what I found");
  await expect(body.locator("del")).toHaveText("99");
  await expect(body.getByRole("cell", { name: "2" })).toBeVisible();
  await expect(body.locator("ul > li")).toHaveText(["milk"]);

  await bot.hover();
  await bot.getByRole("button", { name: "Show as written" }).click();
  await expect(bot.locator("pre.message-original")).toHaveText(formatted, { useInnerText: true });
  await expect(body.locator("strong")).toBeHidden();
  await bot.getByRole("button", { name: "Show as written" }).click();
  await expect(body.locator("strong")).toHaveText("what I found");
});

test("an operator's reply looks the same while it is sent and after", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("shop-bot");
  const page = await signedIn("Ada");
  const { id } = await agent.open({ reason, conversation: { customer: { name: "Dana" }, messages: [{ role: "customer", text: "Hi" }] } });
  await page.goto(`/e/${id}`);
  await page.getByRole("button", { name: "Claim", exact: true }).first().click();
  const said = "# 4721:\n\n- 20 EUR *today*\n1. one\n  two";
  let release = () => {};
  const held = new Promise<void>((done) => (release = done));
  await page.route("**/_fn/**reply*", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("textbox", { name: "Reply to customer" }).fill(said);
  await page.keyboard.press("Control+Enter");
  const mine = page.locator(".message[data-role=operator] .message-body");
  await expect(mine).toHaveText(said, { useInnerText: true });
  release();
  await expect(page.locator(".message[data-role=operator]")).toHaveAttribute("data-state", "sent");
  await expect(mine).toHaveText(said, { useInnerText: true });
  await agent.wait(id, { until: "reply", wait: 10 });
  const events = await agent.history(id);
  expect(events.find((it: any) => it.type === "message.created").data.message.text).toBe(said);
});
