import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChain, type Chain } from "../integration/authorization/chain.ts";
import { textOfGuide } from "./guide.ts";
import { BASE, installed, startJupyter, type JupyterProcess } from "./jupyter/release.ts";

const execute = promisify(execFile);

/** Programs of the guide, by the clients that they use, and what they print. */
const PROGRAMS = [
  { client: "jupyter-kernel-client", language: "python", prints: /\b42\b/ },
  { client: "jupyter-server-client", language: "python", prints: /'results'/ },
  { client: "nbclient", language: "python", prints: /\b42\b/ },
  { client: "@jupyterlab/services", language: "js", prints: /\b42\b/ },
] as const;
type Program = (typeof PROGRAMS)[number];

const JUPYTER = { release: "clients", command: ["server"] } as const;
const TOKEN = "right";

/** Runs a program of the guide against a server. @returns What it printed. */
async function run({ client, language }: Program, url: string, token: string): Promise<string> {
  const text = await textOfGuide(language, client, { "https://jupyter.example.org/my-notebook": url });
  const command =
    language === "js"
      ? [process.execPath, "--input-type=module", "--eval", text]
      : [join(await installed(JUPYTER.release), "bin/python"), "-c", text];
  const [file = "", ...args] = command;
  const env = { PATH: process.env["PATH"], HOME: tmpdir(), TOKEN: token };
  const { stdout } = await execute(file, args, { cwd: import.meta.dirname, env, timeout: 60_000 });
  return stdout;
}

describe("a server with a login, to a program with a token of the provider", () => {
  const accounts = { alice: {} };
  let jupyter: JupyterProcess;
  let chain: Chain;
  let token: string;

  beforeAll(async () => {
    jupyter = await startJupyter({ ...JUPYTER, listenAddress: "127.0.0.1", token: undefined });
    const criteria = { userId: "alice", bearer: { enabled: true, audiences: ["programs"] } };
    const jupyterPort = Number(new URL(jupyter.url).port);
    chain = await startChain({ basePath: BASE, accounts, criteria, jupyterPort });
    token = await tokenFor("programs");
  });
  afterAll(async () => {
    await chain.close();
    await jupyter[Symbol.asyncDispose]();
  });

  const url = (): string => `${chain.origin}${BASE}`;
  const tokenFor = (aud: string): Promise<string> => {
    const exp = Math.floor(Date.now() / 1000) + 300;
    return chain.provider.sign({ iss: chain.provider.issuerUrl, aud, sub: "alice", preferred_username: "Älice", exp });
  };

  it.each(PROGRAMS)("works by $client", async (program) => {
    expect(await run(program, url(), token)).toMatch(program.prints);
  });

  it.each(PROGRAMS)("is closed to $client with a token for another audience", async (program) => {
    await expect(run(program, url(), await tokenFor("other"))).rejects.toThrow(/401|[Aa]uthenti|audience/);
  });

  it("shows Jupyter whose token it is, and asks for no proof against other sites", async () => {
    const headers = { authorization: `Bearer ${token}` };
    const me = await fetch(`${url()}/api/me`, { headers });
    expect(await me.json()).toMatchObject({ identity: { username: "alice", display_name: "Älice" } });
    const created = await fetch(`${url()}/api/contents`, { method: "POST", headers, body: "{}" });
    expect(created.status).toBe(201);
    const { path } = (await created.json()) as { readonly path: string };
    expect((await fetch(`${url()}/files/${path}`, { headers })).status).toBe(200);
  });

  it("asks a session for that proof as before", async () => {
    const { cookie } = await chain.signIn("alice", `${BASE}/api/status`);
    const created = await fetch(`${url()}/api/contents`, { method: "POST", headers: { cookie }, body: "{}" });
    expect(created.status).toBe(403);
    const headers = {
      cookie: `${cookie}; _xsrf=00112233445566778899aabbccddeeff`,
      "X-XSRFToken": "00112233445566778899aabbccddeeff",
    };
    const again = await fetch(`${url()}/api/contents`, { method: "POST", headers, body: "{}" });
    expect(again.status).toBe(201);
  });
});

describe("a server with a token of its own, to a program that has it", () => {
  let jupyter: JupyterProcess;

  beforeAll(async () => {
    jupyter = await startJupyter({ ...JUPYTER, listenAddress: "127.0.0.1", token: TOKEN });
  });
  afterAll(() => jupyter[Symbol.asyncDispose]());

  it.each(PROGRAMS)("works by $client", async (program) => {
    expect(await run(program, jupyter.url, TOKEN)).toMatch(program.prints);
  });
});
