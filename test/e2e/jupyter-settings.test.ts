import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readJupyterActivity, type JupyterActivity } from "../../authorization/src/jupyter-activity.ts";
import { pollPod } from "../../controller/src/activity/poll-pod.ts";
import type { ActivityAnswer } from "../../controller/src/decide/live/activity.ts";
import { failToStart, startJupyter, type JupyterProcess, type JupyterStart } from "./jupyter/release.ts";

/** Releases of Jupyter and their starters, from the classic notebook server on. */
const STARTERS = [
  { starter: "JupyterLab of notebook 7", release: "notebook-7", command: ["lab"] },
  { starter: "Jupyter Server 2", release: "notebook-7", command: ["server"] },
  { starter: "notebook 7", release: "notebook-7", command: ["notebook"] },
  { starter: "JupyterLab 3 on Jupyter Server 1", release: "jupyterlab-3", command: ["lab"] },
  { starter: "notebook 6.0", release: "notebook-6.0", command: ["notebook"] },
] as const;

const TOKEN = "right";

/** Who is signed in, as the proxy in front of a server with a login says it. */
const FORWARDED = {
  "X-Forwarded-User": "5d0c",
  "X-Forwarded-Email": "alice@example.org",
  "X-Forwarded-Preferred-Username": Buffer.from("Älice Doe").toString("latin1"),
};

/** What the contents of the server are answered with: 200 with access, 403 without. */
async function statusWith(jupyter: JupyterProcess, query: string): Promise<number> {
  return (await fetch(`${jupyter.url}/api/contents${query}`)).status;
}

async function landingPage(jupyter: JupyterProcess, query = ""): Promise<string> {
  const answer = await fetch(`${jupyter.url}/${query}`, { redirect: "manual" });
  return new URL(answer.headers.get("location") ?? "", jupyter.url).pathname;
}

/** When anything was last done in it, by its own words, in milliseconds. */
async function lastUseOf({ url }: JupyterProcess): Promise<number> {
  const status = (await (await fetch(`${url}/api/status`)).json()) as { readonly last_activity: string };
  return Date.parse(status.last_activity);
}

/** As the authorization service in the pod asks, and as the controller does. */
async function askedInPod({ url }: JupyterProcess): Promise<JupyterActivity | undefined> {
  const { hostname: host, port, pathname } = new URL(url);
  return await readJupyterActivity({ host, port: Number(port) }, pathname, Date.now);
}

async function askedByController({ url }: JupyterProcess): Promise<ActivityAnswer> {
  const { hostname: address, port, pathname: basePath } = new URL(url);
  const question = { address, port: Number(port), whom: "Jupyter", basePath, withRequests: true } as const;
  return await pollPod(question, undefined, new AbortController().signal);
}

/** Flags that contradict what the controller sets, by the class that has the setting in a release. */
function contradictions(release: string): readonly string[] {
  const application = release === "notebook-6.0" ? "NotebookApp" : "ServerApp";
  return ["--ip=127.0.0.1", "--port=18889", `--${application}.token=`, "--certfile=/nonexistent"];
}

describe.each(STARTERS)("$starter", ({ release, command }) => {
  const inTokenMode: JupyterStart = { release, command, listenAddress: "*", token: `${TOKEN}\n` };

  it("has our token, port, addresses and landing page, whatever its command line or a header says, and says what it ignores", async () => {
    await using jupyter = await startJupyter({
      ...inTokenMode,
      command: [...command, ...contradictions(release)],
      defaultUrl: "/tree/notes",
    });
    expect(await statusWith(jupyter, "")).toBe(403);
    expect(await statusWith(jupyter, "?token=wrong")).toBe(403);
    expect(await statusWith(jupyter, `?token=${TOKEN}`)).toBe(200);
    expect((await fetch(`${jupyter.url}/api/contents`, { headers: FORWARDED })).status).toBe(403);
    expect(await landingPage(jupyter, `?token=${TOKEN}`)).toBe("/sessions/alice/tree/notes");
    expect(await jupyter.listeners()).toEqual(["0.0.0.0", "[::]"]);
    for (const setting of ["ip", "port", "token", "certfile"]) {
      expect(jupyter.log()).toContain(`App.${setting} of the command line is ignored: the controller sets it`);
    }
  });

  it("does not start with a token of white space, and says so by its exit code", async () => {
    const { code, log } = await failToStart({ ...inTokenMode, token: " \n" });
    expect(code).toBe(65);
    expect(log).toContain("is empty: put a value into its Secret");
  });
});

/** Settings of an image by which Jupyter would listen elsewhere, expect TLS, and ask for a password. */
function closedByItself(application: string): string {
  const password = "sha1:67c9e60bb8b6:9ffede0825894254b2e042ea597d771089e11aed";
  const settings = [
    ...["ip = '0.0.0.0'", "port = 18889", `password = '${password}'`, "password_required = True"],
    "certfile = '/nonexistent'", // as the images of docker-stacks set it by GEN_CERT
  ];
  return settings.map((setting) => `c.${application}.${setting}\n`).join("");
}

describe.each(STARTERS)("$starter behind a login", ({ release, command }) => {
  let jupyter: JupyterProcess;

  beforeAll(async () => {
    const toldOtherwise = [...command, "--ip=0.0.0.0"];
    jupyter = await startJupyter({
      ...{ release, command: toldOtherwise, listenAddress: "127.0.0.1", token: undefined },
      ownConfig: ["ServerApp", "NotebookApp"].map(closedByItself).join(""),
    });
  });
  afterAll(() => jupyter[Symbol.asyncDispose]());

  it("listens on loopback alone and asks for no password, although its command line and a file that this names say otherwise", async () => {
    expect(await jupyter.listeners()).toEqual(["127.0.0.1"]);
    expect(await statusWith(jupyter, "")).toBe(200);
    const { headers } = await fetch(`${jupyter.url}/api/contents`);
    expect(headers.get("cache-control")).toMatch(/^private\b/);
    expect(jupyter.log()).not.toContain("not recognized by");
  });

  it("shows the person whom the login names, where it knows persons", async () => {
    const answer = await fetch(`${jupyter.url}/api/me`, { headers: FORWARDED });
    const hasPersons = release === "notebook-7"; // Jupyter Server from 2 on
    expect(answer.status).toBe(hasPersons ? 200 : 404);
    if (!hasPersons) return;
    const { identity } = (await answer.json()) as { readonly identity: unknown };
    expect(identity).toMatchObject({ username: "5d0c", display_name: "Älice Doe", initials: "ÄD" });
    expect(answer.headers.getSetCookie().filter((cookie) => cookie.startsWith("username"))).toEqual([]);
  });

  it("tells when something in it was last used, of which being asked is none", async () => {
    await statusWith(jupyter, "");
    const before = await lastUseOf(jupyter);
    expect(await askedInPod(jupyter)).toMatchObject({ kernels: { total: 0 }, requests: {} });
    expect(await askedByController(jupyter)).toMatchObject({ kind: "Answered", report: { requests: {} } });
    expect(await lastUseOf(jupyter)).toBe(before);
  });

  it("tells when something in it was last used while a terminal is open, too", async () => {
    const pair = "0123456789abcdef0123456789abcdef";
    const headers = { Cookie: `_xsrf=${pair}`, "X-XSRFToken": pair };
    const { status } = await fetch(`${jupyter.url}/api/terminals`, { method: "POST", headers });
    expect(status).toBe(200);
    const terminals = { total: 1, quietSeconds: expect.any(Number) as number };
    expect(await askedInPod(jupyter)).toMatchObject({ terminals });
    expect(await askedByController(jupyter)).toMatchObject({ kind: "Answered", report: { terminals } });
  });

  it.skipIf(release === "notebook-6.0")("tells when a program behind it, such as RStudio, was last used", async () => {
    const program = createServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
    try {
      await once(program, "listening");
      const { port } = program.address() as AddressInfo;
      const before = await lastUseOf(jupyter);
      const page = await fetch(`${jupyter.url}/proxy/${port}/`);
      expect(await page.text()).toBe("hello");
      expect(await lastUseOf(jupyter)).toBeGreaterThan(before);
    } finally {
      program.close();
    }
  });

  it("takes a change with the pair that the proxy adds to a token, and none without", async () => {
    const create = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${jupyter.url}/api/contents`, { method: "POST", body: "{}", headers })).status;
    const pair = "0123456789abcdef0123456789abcdef";
    expect(await create({ Cookie: `_xsrf=${pair}`, "X-XSRFToken": pair })).toBe(201);
    expect(await create({})).toBe(403);
  });
});

it("JupyterLab offers to log out, and no Shut Down that would start the server again", async () => {
  await using jupyter = await startJupyter({
    ...{ release: "notebook-7", command: ["lab"] },
    ...{ listenAddress: "127.0.0.1", token: undefined },
  });
  const page = await (await fetch(`${jupyter.url}/lab`)).text();
  expect(page).toMatch(/"quitButton": *(true|"true")/i);
  const answer = await fetch(`${jupyter.url}/lab/api/settings/@jupyterlab/mainmenu-extension:plugin`);
  const { schema } = (await answer.json()) as { readonly schema: unknown };
  const items = JSON.stringify(schema);
  expect(items).toMatch(
    /"command":"filemenu:shutdown"[^}]*"disabled":true|"disabled":true[^}]*"command":"filemenu:shutdown"/,
  );
  expect(items).toContain('"command":"filemenu:logout"');
});
