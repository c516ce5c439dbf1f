// Tests: an admin makes a test agent, Robot answers it, and operators read its escalations under Tests and do nothing else.
import { Agent } from "../support/agent";
import { bare } from "../support/openings";
import { live } from "../support/page";
import { expect, test } from "../support/story";

test("Robot answers a test agent, and operators find it under Tests only", async ({ signedIn, bailout }) => {
  const [ada, bob] = [await signedIn("Ada", "admin"), await signedIn("Bob")];
  await bob.goto("/tests");
  await expect(bob.getByText("No test agent has asked for a human yet.")).toBeVisible();
  await live(bob);

  await ada.goto("/settings/agents");
  await ada.getByRole("textbox", { name: "Name" }).fill("ci-bot");
  await ada.getByRole("checkbox", { name: "A test agent" }).check();
  await ada.getByRole("button", { name: "Add agent" }).click();
  const key = (await ada.locator("#key").textContent()) ?? "";
  expect(key).toMatch(/^blt_test_/);
  await expect(ada.getByRole("button", { name: "Send a trial escalation" })).toHaveCount(0);

  const agent = new Agent(bailout.url, key);
  const rehearse = { after_seconds: 20, messages: ["Hello Dana."] };
  const { id } = await agent.open(bare("Dana", { metadata: { rehearse } }));
  const row = bob.getByRole("list", { name: "Escalations" }).getByRole("link", { name: /^Dana, / });
  await expect(row).toBeVisible();
  await row.click();
  await expect(bob.getByText("A test, which Robot answers")).toBeVisible();
  await expect(bob.getByText("Hello Dana.")).toBeVisible();
  await expect(bob.getByText("Robot is in control")).toBeVisible();
  await expect(bob.getByRole("textbox")).toHaveCount(0);
  for (const key of ["n", "c", "r", "e", "t", "q", "l"]) await bob.keyboard.press(key);
  await expect(bob.getByRole("dialog")).toHaveCount(0);
  for (const name of ["Claim", "Resolve", "Transfer", "Release", "Take from Robot", "Ask to transfer"]) {
    await expect(bob.getByRole("button", { name, exact: true })).toBeHidden();
  }
  const ended = await agent.wait(id, { wait: 40, until: "outcome" });
  expect([ended.status, ended.outcome.by.name, ended.outcome.test]).toEqual(["resolved", "Robot", true]);
  await expect(bob.locator("#thread").getByText("Resolved", { exact: true }).first()).toBeVisible();

  // No other list shows it, and no count counts it.
  const empty = {
    queue: "No one is waiting.",
    all: "Nothing is open.",
    missed: "Nothing was missed.",
    closed: "Nothing is closed yet.",
  };
  for (const [view, words] of Object.entries(empty)) {
    await bob.goto(`/${view}`);
    await expect(bob.getByText(words)).toBeVisible();
    if (view !== "closed") await expect(bob.locator(`#count-${view}`)).toHaveText("");
  }
});
