import { createHash, randomBytes } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseInFileMenu, launchBrowser, newBrowserContext, openLauncher, runInNewNotebook } from "./browser.ts";
import { fetchThroughIngress, leaveNamespace, until, useNamespace } from "./cluster.ts";
import {
  applyWithLogin,
  startIdentityProvider,
  type IdentityProvider,
  type UserName,
  untilAsksForLogin,
} from "./identity-provider.ts";
import { TestServer } from "./server.ts";
import { fillLogin, signIn, type SignedIn, STATUS } from "./sign-in.ts";

let namespace: string;
let provider: IdentityProvider;
let browser: Browser;
/** On a host that it shares, for one user. */
let own: TestServer;
/** On the same host, for the members of a group who are also on a list. */
let team: TestServer;
/** On a host of its own, for everybody who can sign in. */
let open: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-oidc");
  browser = await launchBrowser();
  provider = await startIdentityProvider(namespace);
  own = new TestServer("own", namespace);
  team = new TestServer("team", namespace);
  open = new TestServer("open", namespace, { host: `open-${namespace}.localhost`, path: "/" });
  const listed = ["Alice@Example.org", "bob@example.org", "comma@example.org"];
  await applyWithLogin(own, provider, { userId: "alice" }, { storage: { size: "1Gi" } });
  await applyWithLogin(team, provider, { authorizedEmails: listed, authorizedGroups: ["physics"] });
  await applyWithLogin(open, provider, { allowAnyUser: true });
  for (const server of [own, team, open]) await untilAsksForLogin(server);
});

afterAll(async () => {
  await browser?.close();
  await leaveNamespace(namespace);
});

const UPGRADE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

describe("the user of a server with a login", () => {
  let page: Page;
  const documents: string[] = [];
  const failures: string[] = [];
  const sockets: string[] = [];

  beforeAll(async () => {
    page = await (await newBrowserContext(browser)).newPage();
    page.on("websocket", (socket) => sockets.push(new URL(socket.url()).pathname));
    page.on("response", (response) => {
      if (response.request().resourceType() === "document" && response.ok()) documents.push(response.url());
      if (response.status() >= 400) failures.push(`${response.status()} ${response.url()}`);
    });
  });

  it("comes back from the login to the very page that was asked for", async () => {
    const deepLink = `${own.url}/lab?reset&q=%2Fz%20y`;
    await page.goto(deepLink);
    expect(page.url()).toContain(provider.url);
    await fillLogin(page, "alice");
    await page.waitForURL((url) => url.href.startsWith(own.url));
    expect(documents.at(-1)).toBe(deepLink);
  });

  it("runs a cell over a WebSocket", async () => {
    expect(await runInNewNotebook(page, "print(6 * 7)")).toBe("42");
    expect(sockets.some((path) => /\/api\/kernels\/[^/]+\/channels$/.test(path))).toBe(true);
  });

  it("runs a command in a terminal", async () => {
    await openLauncher(page);
    await page.locator('.jp-LauncherCard[title="Start a new terminal session"]').click();
    await page.locator(".jp-Terminal .xterm").waitFor();
    await page.locator(".jp-Terminal textarea").focus();
    await page.keyboard.type("echo $((6 * 7)) > from-terminal.txt\n");
    const read = (): Promise<Fetched> => inPage(page, { path: "/files/from-terminal.txt" });
    expect((await until(read, ({ status }) => status === 200)).body).toBe("42\n");
  });

  it("meets no error on the way", () => {
    const asked = failures.filter((failure) => !failure.includes("from-terminal.txt"));
    expect(asked).toEqual([]);
  });

  it.each([
    "with space.txt",
    "Grüße 日本.txt",
    "100%.txt",
    "a#b.txt",
    "a?b=c.txt",
    "a;b.txt",
    "a+b&c.txt",
    "a:b.txt",
    "two..dots.txt",
    "%2F.txt",
    "'quoted' \"name\".txt",
  ])("writes and reads a file named %s", async (name) => {
    const path = encodeURIComponent(name);
    const body = JSON.stringify({ type: "file", format: "text", content: name });
    expect((await inPage(page, { path: `/api/contents/${path}`, method: "PUT", body })).status).toBeLessThan(300);
    expect(await inPage(page, { path: `/files/${path}` })).toEqual({ status: 200, body: name });
    expect((await inPage(page, { path: `/api/contents/${path}`, method: "DELETE" })).status).toBe(204);
  });

  it("moves 200 MB up and down unchanged", async () => {
    const block = randomBytes(60_000); // a multiple of three, so that its Base64 can be repeated
    const count = Math.ceil(200_000_000 / block.length);
    const content = block.toString("base64").repeat(count);
    // Not by the page: what a page sends, Playwright keeps in one string, which this is too long for.
    const uploaded = await fetchThroughIngress(`${own.url}/api/contents/large.bin`, {
      method: "PUT",
      headers: { cookie: await cookieOf(page, own), "x-xsrftoken": await xsrfOf(page, own) },
      body: JSON.stringify({ type: "file", format: "base64", content }),
      seconds: 180, // a busy machine is silent for a while until Jupyter has decoded and written it
    });
    expect(uploaded.status).toBe(201);
    const expected = createHash("sha256");
    for (let index = 0; index < count; index += 1) expected.update(block);
    const downloaded = await page.evaluate(sumOfFile, `${own.path}/files/large.bin`);
    expect(Buffer.from(downloaded)).toEqual(expected.digest());
  });

  it("has a session that other servers of the host do not see", async () => {
    await page.goto(`${team.url}/lab`); // the provider knows the browser: no form
    const cookies = (await page.context().cookies(`${own.url}/`)).filter(({ name }) => name.includes("amalthea"));
    expect(cookies.map(({ path, secure, httpOnly, sameSite }) => ({ path, secure, httpOnly, sameSite }))).toEqual([
      { path: `${own.path}/`, secure: true, httpOnly: true, sameSite: "Lax" },
    ]);
    expect(cookies[0]?.name).toMatch(/^__Secure-/);
    expect((await inPage(page, { path: "/api/status" }, team)).status).toBe(200);
    expect((await inPage(page, { path: "/api/status" }, own)).status).toBe(200);
  });

  it("signs out by JupyterLab's own menu, also for a copy of the cookie, and stays signed in at the other server", async () => {
    await page.goto(`${own.url}/lab`);
    const copy = await cookieOf(page, own);
    const ask = async (server: TestServer, cookie: string): Promise<number> =>
      (await fetchThroughIngress(`${server.url}/api/status`, { headers: { cookie } })).status;
    expect(await ask(own, copy)).toBe(200);
    await chooseInFileMenu(page, "filemenu:logout");
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
    expect(page.url()).toBe(`${own.url}/oauth2/signed-out`);
    const after = await cookieOf(page, own);
    expect([await ask(own, copy), await ask(own, after), await ask(team, await cookieOf(page, team))]).toEqual([
      401, 401, 200,
    ]);
  });
});

describe("somebody else", () => {
  let bob: SignedIn;

  beforeAll(async () => {
    bob = await signIn(browser, own.url, "bob", "/lab/tree/x.ipynb?y=1");
  });

  it("sees a page that says who they are, which server this is and how to sign out", async () => {
    expect(await bob.page.getByRole("heading").innerText()).toBe("You may not use this server");
    const text = await bob.page.getByRole("main").innerText();
    expect(text).toMatch(/Server\s+own\s+Signed in as\s+bob@example\.org/);
    const answer = await bob.ask("/lab", { accept: "text/html" });
    expect(answer.status).toBe(403);
  });

  it("gets 403 with JSON as an API client, and no WebSocket", async () => {
    const { status, body } = await bob.ask("/api/contents", { accept: "application/json" });
    expect([status, JSON.parse(body)]).toEqual([403, expect.objectContaining({ error: "UserIdNotAuthorized" })]);
    expect((await bob.ask("/api/kernels/1/channels", UPGRADE)).status).toBe(403);
  });

  it("signs out by the link of that page", async () => {
    await bob.page.getByRole("link", { name: "Sign out" }).click();
    await bob.page.getByRole("heading", { name: "You are signed out" }).waitFor();
    expect((await bob.ask("/api/contents")).status).toBe(401);
  });
});

describe("nobody", () => {
  it.each([
    { asks: "for an API", headers: { accept: "application/json" } },
    { asks: "for anything", headers: { accept: "*/*" } },
    { asks: "for a WebSocket", headers: UPGRADE },
  ])("gets 401 and no cookie when asking $asks", async ({ headers }) => {
    const answer = await fetchThroughIngress(`${own.url}/api/kernels`, { headers });
    expect([answer.status, answer.headers["set-cookie"]]).toEqual([401, undefined]);
  });
});

describe("criteria", () => {
  const enters = async (server: TestServer, user: UserName): Promise<number> => {
    const { context, ask } = await signIn(browser, server.url, user, STATUS);
    const { status } = await ask(STATUS);
    await context.close();
    return status;
  };

  it.each([
    { user: "alice", is: "on the list and in the group", status: 200 },
    { user: "bob", is: "on the list and not in the group", status: 403 },
    { user: "carol", is: "in the group and not on the list", status: 403 },
    { user: "comma", is: "on the list and in a group whose name holds a comma and the group", status: 403 },
  ] as const)("$user, who is $is, gets $status", async ({ user, status }) => {
    expect(await enters(team, user)).toBe(status);
  });

  it("everybody who can sign in enters a server for any user", async () => {
    const { page, context, ask } = await signIn(browser, open.url, "bob");
    expect((await ask("/api/status")).status).toBe(200);
    const [cookie] = (await context.cookies(open.url)).filter(({ name }) => name.includes("amalthea"));
    expect(cookie).toMatchObject({ path: "/", secure: true });
    expect(cookie?.name).toMatch(/^__Host-/);
    expect(await runInNewNotebook(page, "print(6 * 7)")).toBe("42");
  });

  it("where addresses are no criterion, it does not matter whether the provider has verified one", async () => {
    expect(await enters(open, "unverified")).toBe(200);
  });
});

type Fetched = { readonly status: number; readonly body: string };
type PageRequest = { readonly path: string; readonly method?: string; readonly body?: string };

/** A request of a script in the page, with what JupyterLab's own scripts send. */
async function inPage(page: Page, request: PageRequest, server: TestServer = own): Promise<Fetched> {
  return page.evaluate(
    async ({ url, method, body, xsrf }) => {
      const options = body === undefined ? {} : { body };
      const response = await fetch(url, { method, headers: { "X-XSRFToken": xsrf }, ...options });
      return { status: response.status, body: await response.text() };
    },
    { method: "GET", ...request, url: `${server.path}${request.path}`, xsrf: await xsrfOf(page, server) },
  );
}

async function xsrfOf(page: Page, { url }: TestServer): Promise<string> {
  const cookies = await page.context().cookies(`${url}/`);
  return cookies.find(({ name }) => name === "_xsrf")?.value ?? "";
}

async function cookieOf(page: Page, { url }: TestServer): Promise<string> {
  const cookies = await page.context().cookies(`${url}/`);
  return cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
}

/** Runs in the page. */
async function sumOfFile(path: string): Promise<readonly number[]> {
  const content = await (await fetch(path)).arrayBuffer();
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", content))];
}
