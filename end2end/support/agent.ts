// An agent that talks to Bailout as any program would: over HTTP, with its key.
import { randomUUID } from "node:crypto";

// The stories check the contract by what they expect; types repeated here would check nothing.
type Json = any;

export type Answer = { status: number; headers: Headers; body: Json };
export type Frame = { id: string | null; event: string; data: Json };

export class Agent {
  constructor(
    readonly url: string,
    readonly key: string,
  ) {}

  /** Presses the button. `query` as in `?wait=30&until=outcome`; gives the body of the 201. */
  open(escalation: object, query = ""): Promise<Json> {
    return this.expect("POST", `/escalations${query}`, escalation);
  }

  get(id: string): Promise<Json> {
    return this.expect("GET", `/escalations/${id}`);
  }

  /** Corrects what the agent said; gives the escalation as it is then. */
  update(id: string, changes: object): Promise<Json> {
    return this.expect("PATCH", `/escalations/${id}`, changes);
  }

  /** The escalation, when something has happened or the seconds are over. */
  wait(id: string, query: { wait: number; after?: string; until?: "event" | "reply" | "outcome" }): Promise<Json> {
    const pairs = Object.entries(query).map(([name, value]) => `${name}=${value}`);
    return this.expect("GET", `/escalations/${id}?${pairs.join("&")}`);
  }

  /** The events of an escalation so far, up to 200. */
  async history(id: string): Promise<Json[]> {
    return (await this.expect("GET", `/escalations/${id}/events?limit=200`)).items;
  }

  /** Adds what the customer, or the agent itself, has said. */
  say(id: string, text: string, role: "customer" | "agent" | "system" = "customer"): Promise<Json> {
    return this.expect("POST", `/escalations/${id}/messages`, { client_message_id: randomUUID(), role, text });
  }

  /** The frames of a stream (`/events`, `/escalations/…/events`) until the caller stops listening. */
  async *events(path: string, lastEventId?: string): AsyncGenerator<Frame> {
    const stop = new AbortController();
    const headers: Record<string, string> = { authorization: `Bearer ${this.key}`, accept: "text/event-stream" };
    if (lastEventId) headers["last-event-id"] = lastEventId;
    const response = await fetch(`${this.url}/api/v1${path}`, { headers, signal: stop.signal });
    if (!response.ok || !response.body) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    try {
      let held = "";
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        const frames = (held + chunk).split("\n\n");
        held = frames.pop() ?? "";
        for (const text of frames) {
          const frame = parse(text);
          if (frame) yield frame;
        }
      }
    } finally {
      stop.abort();
    }
  }

  /** Any request, with any answer. `path` follows `/api/v1`. */
  async request(method: string, path: string, body?: object, more: Record<string, string> = {}): Promise<Answer> {
    const headers = { authorization: `Bearer ${this.key}`, "content-type": "application/json", ...more };
    const response = await fetch(`${this.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null };
  }

  private async expect(method: string, path: string, body?: object): Promise<Json> {
    const answer = await this.request(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}

function parse(text: string): Frame | null {
  const field = (name: string) => {
    const line = text.split("\n").find((line) => line.startsWith(`${name}:`));
    return line?.slice(name.length + 1).trim() ?? null;
  };
  const data = field("data");
  return data === null ? null : { id: field("id"), event: field("event") ?? "message", data: JSON.parse(data) };
}
