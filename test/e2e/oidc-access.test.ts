import type { Browser, Page, WebSocket } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, runInNewNotebook } from "./browser.ts";
import { type Answer, leaveNamespace, until, useNamespace } from "./cluster.ts";
import { applyWithLogin, startIdentityProvider, untilAsksForLogin } from "./identity-provider.ts";
import { untilReason } from "./look.ts";
import { TestServer } from "./server.ts";
import { signIn, type SignedIn, STATUS } from "./sign-in.ts";

let namespace: string;
let browser: Browser;
/** Its list of users changes. */
let listed: TestServer;
/** Its sessions end after a minute. */
let brief: TestServer;

/** Longer than JupyterLab takes to open a notebook, on a busy machine as well. */
const SESSION_SECONDS = 60;

beforeAll(async () => {
  namespace = await useNamespace("e2e-access");
  browser = await launchBrowser();
  const provider = await startIdentityProvider(namespace);
  listed = new TestServer("listed", namespace);
  brief = new TestServer("brief", namespace);
  await applyWithLogin(listed, provider, { authorizedUserIds: ["alice", "bob"] });
  const path = "/statefulset/spec/template/spec/containers/1/args/-";
  const patch = [{ op: "add", path, value: `--cookie-expire=${SESSION_SECONDS}s` }];
  const patches = [{ type: JSON_PATCH, patch }];
  const session = { renewalSeconds: 5 };
  await applyWithLogin(brief, provider, { allowAnyUser: true, session }, { patches, ...VOLUME });
  for (const server of [listed, brief]) await untilAsksForLogin(server);
});

afterAll(async () => {
  await browser?.close();
  await leaveNamespace(namespace);
});

/** Without one no idle limit is enforced, and so nothing asked. */
const VOLUME = { storage: { size: "100Mi", pvc: { enabled: true } } };

const JSON_PATCH = "application/json-patch+json";

/** Runs a cell that goes on for minutes; resolves when it has begun, with the socket of its kernel. */
async function startLongCell(page: Page): Promise<WebSocket> {
  const sockets: WebSocket[] = [];
  page.on("websocket", (socket) => sockets.push(socket));
  const code = "kept = 41\nimport time\nfor _ in range(1500):\n    print('.', end='', flush=True)\n    time.sleep(0.2)";
  expect(await runInNewNotebook(page, code)).toMatch(/^[.]/);
  const socket = sockets.find(isKernelSocket);
  if (socket === undefined) throw new Error("the notebook has opened no WebSocket to its kernel");
  return socket;
}

function isKernelSocket(socket: WebSocket): boolean {
  return socket.url().includes("/channels");
}

type Kernel = { readonly id: string; readonly execution_state: string };

async function kernelsOf(session: SignedIn): Promise<readonly Kernel[]> {
  return JSON.parse((await session.ask("/api/kernels")).body) as readonly Kernel[];
}

describe("a user who is taken from the list while a cell runs", () => {
  let alice: SignedIn;
  let bob: SignedIn;
  let socket: WebSocket;

  beforeAll(async () => {
    [alice, bob] = [await signIn(browser, listed.url, "alice"), await signIn(browser, listed.url, "bob", STATUS)];
    socket = await startLongCell(alice.page);
  });

  const authorize = async (...userIds: readonly string[]): Promise<void> =>
    listed.patch({ spec: { auth: { oidc: { authorizedUserIds: userIds } } } });

  it("loses the open WebSocket without doing anything", async () => {
    await Promise.all([socket.waitForEvent("close", { timeout: 60_000 }), authorize("bob")]);
  });

  it("is refused page, API and new WebSockets, while others stay", async () => {
    const page = await alice.ask("/lab", { accept: "text/html" });
    expect([page.status, page.body]).toEqual([403, expect.stringContaining("You may not use this server")]);
    expect((await alice.ask("/api/kernels")).status).toBe(403);
    expect((await bob.ask("/api/kernels")).status).toBe(200);
  });

  it("does not take the cell along: the kernel goes on", async () => {
    expect(await kernelsOf(bob)).toEqual([expect.objectContaining({ execution_state: "busy" })]);
  });

  it("is authorized again, in the same session, after being put back", async () => {
    await authorize("alice", "bob");
    await until(
      () => alice.ask("/api/kernels"),
      ({ status }) => status === 200,
    );
  });

  it("meets no restart of the pod on the way", async () => {
    expect(await listed.condition("UpdatePending")).toBeUndefined();
    expect((await kernelsOf(alice)).length).toBe(1);
  });
});

describe("a policy that cannot be read", () => {
  it("lets nobody in and says so, until it can be read again", async () => {
    const alice = await signIn(browser, listed.url, "alice", STATUS);
    const broken = [{ op: "replace", path: "/configmap/data/policy.json", value: "{" }];
    await listed.patch({ spec: { patches: [{ type: JSON_PATCH, patch: broken }] } });
    const refused = await until(
      () => alice.ask("/api/kernels"),
      ({ status }) => status !== 200,
    );
    expect([refused.status, JSON.parse(refused.body)]).toEqual([
      403,
      expect.objectContaining({ error: "PolicyBroken" }),
    ]);
    expect((await alice.ask("/lab", { accept: "text/html" })).body).toContain("cannot be read at the moment");
    await listed.patch({ spec: { patches: [] } });
    await until(
      () => alice.ask("/api/kernels"),
      ({ status }) => status === 200,
    );
  });
});

describe("a session that ends with a notebook open", () => {
  let carol: SignedIn;
  let kernels: readonly Kernel[];

  beforeAll(async () => {
    carol = await signIn(browser, brief.url, "carol");
  });

  it("cuts the WebSocket, and the status says that only its length ends it", async () => {
    const socket = await startLongCell(carol.page);
    const closed = socket.waitForEvent("close", { timeout: (SESSION_SECONDS + 60) * 1000 });
    closed.catch(() => undefined); // where a step before its await fails, that failure is told, and this ends nothing
    kernels = await kernelsOf(carol);
    await brief.patch({ spec: { culling: { idleSecondsThreshold: 2 } } }); // the cell goes on: it is asked, and not idle
    const warning = await untilReason(brief, "AccessWarning", "SessionsNotRenewed");
    expect(warning?.message).toContain("offline_access");
    await brief.patch({ spec: { culling: { idleSecondsThreshold: 0 } } });
    await closed;
  });

  it("answers 401 to what the tab asks for, and leaves no cookies behind", async () => {
    const statuses = new Set<number>();
    carol.page.on("response", (response) => statuses.add(response.status()));
    const isEnough = async (): Promise<number> => statuses.size;
    await until(isEnough, (count) => count > 0);
    expect([...statuses].filter((status) => status !== 401 && status !== 424)).toEqual([]);
    const logins = (await carol.context.cookies(`${brief.url}/`)).filter(({ name }) => name.endsWith("_csrf"));
    expect(logins).toEqual([]);
  });

  it("is followed by a new one when another tab is opened: the first goes on with its kernel and its unsaved cells", async () => {
    const tab = await carol.context.newPage();
    const reconnected = carol.page.waitForEvent("websocket", { predicate: isKernelSocket, timeout: 240_000 });
    const output = carol.page.locator(".jp-OutputArea-output").first();
    const before = (await output.innerText()).length;
    await Promise.all([reconnected, tab.goto(`${brief.url}/api`)]); // the provider's own session lives on: no form
    expect((await kernelsOf(carol)).map(({ id }) => id)).toEqual(kernels.map(({ id }) => id));
    await until(
      () => output.innerText(),
      ({ length }) => length > before,
    );
    await carol.page.locator('[data-jp-item-name="save"]').click();
    await carol.page.getByRole("button", { name: "Rename and Save" }).click();
    const saved = (): Promise<Answer> => carol.ask("/api/contents/Untitled.ipynb");
    await until(saved, ({ body }) => body.includes("kept = 41"), 20);
  });
});
