// A Bailout of one's own: the release build, serving from a temporary folder on a free loopback port.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Agent } from "./agent";

const program = resolve(process.env.BAILOUT_PROGRAM ?? join(__dirname, "../../target/release/bailout"));

export type Role = "admin" | "supervisor" | "operator" | "viewer";
export type Operator = { email: string; name: string; role: Role; password: string };

export class Bailout {
  private server?: ChildProcess;
  /** What the server has printed so far, both streams. */
  printed = "";

  private constructor(
    readonly folder: string,
    readonly port: number,
  ) {}

  /** A fresh, empty Bailout, ready to answer. */
  static async start(): Promise<Bailout> {
    const bailout = new Bailout(await mkdtemp(join(tmpdir(), "bailout-")), await freePort());
    try {
      await bailout.serve();
    } catch (cause) {
      await bailout.end();
      throw cause;
    }
    return bailout;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the server, on the same port and database as before, and waits until it is ready. */
  async serve(): Promise<void> {
    const server = spawn(program, ["serve"], { cwd: this.folder, env: this.env(), stdio: ["ignore", "pipe", "pipe"] });
    this.server = server;
    let failed: unknown;
    server.on("error", (cause) => (failed = cause));
    for (const stream of [server.stdout, server.stderr]) stream.on("data", (text) => (this.printed += text));
    const deadline = Date.now() + 15_000;
    while (!(await answers(`${this.url}/readyz`))) {
      if (failed || gone(server)) throw new Error(`the server did not start: ${failed ?? ""}\n${this.printed}`);
      if (Date.now() > deadline) throw new Error(`the server was not ready in 15 s\n${this.printed}`);
      await pause(20);
    }
  }

  /** Ends the server: politely by default, by SIGKILL as a crash would. `serve` starts it again. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (!server || gone(server)) return;
    const exit = once(server, "exit");
    server.kill(signal);
    const late = setTimeout(() => server.kill("SIGKILL"), 15_000);
    await exit;
    clearTimeout(late);
  }

  /** Makes the server fall silent as a dead network does: connections stay, and nothing is answered until `thaw`. */
  freeze(): void {
    this.server?.kill("SIGSTOP");
  }

  thaw(): void {
    this.server?.kill("SIGCONT");
  }

  /** Ends the server and removes its folder. */
  async end(): Promise<void> {
    await this.stop("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }

  async addOperator({ email, name, role, password }: Operator): Promise<void> {
    const args = ["--email", email, "--name", name, "--role", role, "--password-stdin"];
    await this.admin(["operator", "add", ...args], password);
  }

  /** A new agent; its key is the only thing the command prints. */
  async addAgent(name: string): Promise<Agent> {
    return new Agent(this.url, await this.admin(["agent", "add", "--name", name]));
  }

  /** Runs `bailout admin …` on the same database and gives what it printed on standard output. */
  async admin(args: string[], input = ""): Promise<string> {
    const child = spawn(program, ["admin", ...args], { cwd: this.folder, env: this.env() });
    let out = "";
    let err = "";
    child.stdout.on("data", (text) => (out += text));
    child.stderr.on("data", (text) => (err += text));
    child.stdin.end(input);
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`bailout admin ${args.join(" ")} ended with ${code}: ${err}`);
    return out.trim();
  }

  /** Nothing that the person who runs the tests has set reaches the server. */
  private env(): NodeJS.ProcessEnv {
    const { PATH, HOME } = process.env;
    return {
      PATH,
      HOME,
      BAILOUT_ADDR: `127.0.0.1:${this.port}`,
      BAILOUT_DATABASE_URL: "sqlite://bailout.db",
      // A story opens in seconds what an agent opens in a day.
      BAILOUT_OPENS_PER_MINUTE: "0",
      BAILOUT_WRITES_PER_MINUTE: "0",
    };
  }
}

function gone(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false; // nobody listens yet
  }
}

async function freePort(): Promise<number> {
  const socket = createServer().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const address = socket.address();
  socket.close();
  await once(socket, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}
