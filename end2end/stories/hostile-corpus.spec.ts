// The corpus of hostile text (support/hostile.json, which the server's own tests tell, too), as messages and names, live
// and server-rendered: under the real policy nothing of it runs, loads, asks, leads or hides.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { harmless, undisturbed } from "../support/harmless";
import { bare } from "../support/openings";
import { expect, test } from "../support/story";

type Corpus = { deeds: string[]; shapes: string[]; whole: string[]; long: [string, number][] };
const { deeds, shapes, whole, long }: Corpus = JSON.parse(readFileSync(join(__dirname, "../support/hostile.json"), "utf8"));
const payloads = [
  ...shapes.flatMap((shape) => deeds.map((deed) => shape.replaceAll("{}", () => deed))),
  ...whole,
  ...long.map(([what, times]) => what.repeat(times)),
];
const last = "That was all of it.";

test.describe.configure({ timeout: 120_000 });

test("the corpus is text, said live", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("bot");
  const page = await signedIn("Ada");
  undisturbed(page);
  const { id } = await agent.open(bare("Dana"));
  await page.goto(`/e/${id}`);
  await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
  for (const payload of payloads) await agent.say(id, payload);
  await agent.say(id, last);
  await expect(page.getByRole("log", { name: "Conversation" })).toContainText(last);
  await harmless(page);
  await expect(page).toHaveURL(new RegExp(`/e/${id}$`));
});

test("the corpus is text, server-rendered", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("bot");
  const page = await signedIn("Ada");
  undisturbed(page);
  // A page begins with the last 200 messages.
  for (let at = 0; at < payloads.length; at += 150) {
    const texts = [...payloads.slice(at, at + 150), last];
    const messages = texts.map((text) => ({ role: "customer", text }));
    const { id } = await agent.open(bare("Dana", { conversation: { id: `from ${at}`, messages } }));
    await page.goto(`/e/${id}`);
    await expect(page.getByRole("log", { name: "Conversation" })).toContainText(last);
    await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
    await harmless(page);
    await expect(page).toHaveURL(new RegExp(`/e/${id}$`));
  }
});

test("the corpus is text as the names of customers", async ({ signedIn, bailout }) => {
  const agent = await bailout.addAgent("bot");
  const page = await signedIn("Ada");
  undisturbed(page);
  await expect(page.getByRole("status", { name: "Connection" })).toHaveText(/Live/);
  const rows = page.getByRole("list", { name: "Escalations" }).getByRole("link");
  for (let at = 0; at < payloads.length; at += 40) {
    const names = payloads.slice(at, at + 40).map((payload) => [...payload].slice(0, 150).join(""));
    const ids: string[] = [];
    for (const name of names) ids.push((await agent.open(bare(name))).id);
    await expect(rows).toHaveCount(names.length);
    await harmless(page);
    await page.reload();
    await expect(rows).toHaveCount(names.length);
    await harmless(page);
    for (const id of ids) await agent.request("POST", `/escalations/${id}/cancel`, { reason: "The next, please." });
    await expect(rows).toHaveCount(0);
  }
});
