// Texts of megabytes do not stop the page: it has their beginning, and the whole when somebody asks.
import { expect, test } from "../support/story";

const long = "lorem ipsum ".repeat(6_000);

function opening() {
  return {
    reason: { code: "other", text: "Long texts" },
    conversation: {
      messages: [
        { role: "customer", text: `text ${long}` },
        { role: "agent", tool_calls: [{ id: "1", name: "find", arguments: { q: `argument ${long}` } }] },
        { role: "tool", tool_result: { call_id: "1", output: `result ${long}` } },
        { role: "nobody", strange: `raw ${long}` },
      ],
      customer: { name: "Dana" },
    },
  };
}

for (const how of ["by address", "by click"]) {
  test(`long texts are cut and shown on demand, ${how}`, async ({ signedIn, bailout }) => {
    const agent = await bailout.addAgent("bot");
    const page = await signedIn("Ada");
    const { id } = await agent.open(opening());
    const row = page.getByRole("list", { name: "Escalations" }).getByRole("link");
    await expect(row).toHaveCount(1);
    if (how === "by click") await row.click();
    else await page.goto(`/e/${id}`);
    await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
    const log = page.getByRole("log", { name: "Conversation" });
    for (const text of ["text", "argument", "result", "raw"]) await expect(log).toContainText(`${text} lorem ipsum`);
    await expect(log.getByRole("button", { name: /^Show all \(72,\d\d\d characters\)$/ })).toHaveCount(4);
    expect((await log.innerText()).length).toBeLessThan(70_000);
    await log.getByRole("button", { name: "Show all (72,005 characters)" }).click();
    await expect.poll(async () => (await log.innerText()).length).toBeGreaterThan(100_000);
    await expect(log.getByRole("button", { name: /^Show all/ })).toHaveCount(3);
  });
}
