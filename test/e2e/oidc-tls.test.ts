import type { OutgoingHttpHeaders } from "node:http2";
import type { Browser, Cookie } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FORGED, GET, type Attack } from "../integration/authorization/attack.ts";
import { WITH_SESSION } from "../integration/authorization/attacks-with-session.ts";
import { WITHOUT_SESSION } from "../integration/authorization/attacks-without-session.ts";
import { launchBrowser, runInNewNotebook } from "./browser.ts";
import { leaveNamespace, useNamespace } from "./cluster.ts";
import { connectHttp2, type Http2Answer, type Http2Connection } from "./http2.ts";
import {
  applyWithLogin,
  makeTlsSecret,
  startIdentityProvider,
  type UserName,
  untilAsksForLogin,
} from "./identity-provider.ts";
import { arrivalsAt, RECORDER_PATCH } from "./request-recorder.ts";
import { TestServer } from "./server.ts";
import { signIn, type SignedIn } from "./sign-in.ts";

let namespace: string;
let browser: Browser;
/** At `/`, with a real JupyterLab. */
let root: TestServer;
/** Below a path, with a recorder in JupyterLab's place. */
let below: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-tls");
  browser = await launchBrowser();
  const provider = await startIdentityProvider(namespace);
  const at = (name: string, path: string): TestServer =>
    new TestServer(name, namespace, { host: `${name}-${namespace}.localhost`, path, scheme: "https" });
  [root, below] = [at("root", "/"), at("below", "/sessions/a")];
  await makeTlsSecret("own-certificate", namespace, [root.host, below.host]);
  const criteria = { authorizedEmails: ["alice@example.org"] };
  await applyWithLogin(root, provider, criteria, { routing: byTls(root) });
  await applyWithLogin(below, provider, criteria, { routing: byTls(below), patches: [RECORDER_PATCH] });
  for (const server of [root, below]) await untilAsksForLogin(server);
});

afterAll(async () => {
  await browser?.close();
  await leaveNamespace(namespace);
});

/** traefik offers https on the port of http to those who ask for it, so the tests need to know of no second port. */
function byTls(server: TestServer): object {
  return {
    tls: { enabled: true, secretName: "own-certificate" },
    externalUrl: new URL(server.url).origin,
    ingressAnnotations: { "traefik.ingress.kubernetes.io/router.tls": "true" },
  };
}

async function sessionOf({ context }: SignedIn, server: TestServer): Promise<Cookie | undefined> {
  const cookies = await context.cookies(`${server.url}/`);
  return cookies.find(({ name }) => name.includes("amalthea"));
}

describe("a server that is reached by https", () => {
  it("runs a cell after the login, with cookies for https alone", async () => {
    const alice = await signIn(browser, root.url, "alice");
    const sockets: string[] = [];
    alice.page.on("websocket", (socket) => sockets.push(new URL(socket.url()).protocol));
    expect(alice.page.url()).toMatch(/^https:/);
    expect(await runInNewNotebook(alice.page, "print(6 * 7)")).toBe("42");
    expect(new Set(sockets)).toEqual(new Set(["wss:"]));
    const cookies = await alice.context.cookies(root.url);
    expect(cookies.map(({ name }) => name)).toContain("_xsrf");
    expect(cookies.filter(({ secure }) => !secure)).toEqual([]);
    await alice.context.close();
  });

  it.each([
    { at: "/", server: () => root, prefix: "__Host-", path: "/" },
    { at: "/sessions/a", server: () => below, prefix: "__Secure-", path: "/sessions/a/" },
  ])("at $at keeps the session in a cookie $prefix…, for the path $path alone", async ({ server, prefix, path }) => {
    const alice = await signIn(browser, server().url, "alice", "/nowhere");
    const { metadata } = await server().read();
    expect(await sessionOf(alice, server())).toMatchObject({
      name: `${prefix}amalthea-${metadata.uid}`,
      domain: server().host,
      path,
      secure: true,
      httpOnly: true,
      sameSite: "Lax",
    });
    await alice.context.close();
  });
});

/** Marks a request, so that the recorder's lines can be told apart. */
const MARK = "x-attack";

describe("over HTTP/2", () => {
  let connection: Http2Connection;
  let cookieName: string;
  const cookies = new Map<UserName, string>();
  /** The marks of the requests that were let in. */
  const admitted: string[] = [];
  let count = 0;

  beforeAll(async () => {
    connection = await connectHttp2(new URL(below.url).origin);
    cookieName = `__Secure-amalthea-${(await below.read()).metadata.uid}`;
    for (const user of ["alice", "bob"] as const) {
      const { context, cookie } = await signIn(browser, below.url, user, "/nowhere");
      cookies.set(user, await cookie());
      await context.close();
    }
  });

  afterAll(() => connection?.close());

  const send = async (attack: Attack, user?: UserName): Promise<Http2Answer> => {
    count += 1;
    const session = user === undefined ? {} : { cookie: cookies.get(user) ?? "" };
    const headers = { ...inHttp2(attack), ...session, [MARK]: String(count) };
    const answer = await connection.ask(headers);
    if (answer.status === 200) admitted.push(String(count));
    return answer;
  };

  it.each(WITHOUT_SESSION.filter(existsInHttp2))("without a session: $attack → $status", async (attack) => {
    const { status, headers } = await send(attack);
    expect(status).toBe(attack.status);
    if (status === 401) expect([headers["set-cookie"] ?? []].flat().filter((cookie) => !isRemoval(cookie))).toEqual([]);
  });

  it.each(WITH_SESSION.filter(existsInHttp2))("with a session: $attack → $status", async (attack) => {
    expect((await send(attack, "alice")).status).toBe(attack.status);
  });

  it("another user with forged identity headers → 403", async () => {
    expect((await send({ attack: "", line: GET, headers: FORGED, status: 403 }, "bob")).status).toBe(403);
  });

  it("what stands behind the checks is reached only as the owner, without the session and with no identity but his", async () => {
    expect(
      (await send({ attack: "", line: GET, headers: [...FORGED, "X-Forwarded-User: root"], status: 200 }, "alice"))
        .status,
    ).toBe(200);
    const arrivals = await arrivalsAt(below, admitted.length, MARK);
    expect(arrivals.map(({ headers }) => headers.get(MARK))).toEqual(admitted);
    const names = arrivals.flatMap(({ headers }) => [...headers.keys()]);
    expect(names.filter((header) => /auth|forwarded-groups|original/.test(header))).toEqual([]);
    expect(new Set(arrivals.map(({ headers }) => headers.get("x-forwarded-user")))).toEqual(new Set(["alice"]));
    expect(arrivals.filter(({ headers }) => headers.get("cookie")?.includes("amalthea"))).toEqual([]);
  });

  /** The scheme of `{HOST}` in an origin is turned around: what is another site by http is this one by https. */
  function inHttp2({ line, headers = [] }: Attack): OutgoingHttpHeaders {
    const { host, hostname } = new URL(below.url);
    const fill = (text: string): string =>
      text.replaceAll("{HOST}", host).replaceAll("{NAME}", hostname).replaceAll("{COOKIE}", cookieName);
    const [method = "", path = ""] = line.replaceAll("{P}", below.path).split(" ");
    const pairs = headers.map((header) => {
      const [name = "", value = ""] = header.split(/: ?(.*)/);
      const isOwnSite = /^origin$/i.test(name) && value.includes("{");
      const seen = isOwnSite ? value.replace(/^https?/, (scheme) => (scheme === "http" ? "https" : "http")) : value;
      return [name.toLowerCase(), fill(seen)] as const;
    });
    const { host: authority = host, ...others } = Object.fromEntries(pairs);
    return { ":method": method, ":path": fill(path), ":authority": authority, ":scheme": "https", ...others };
  }
});

/** A session that is none is taken out of the browser. */
function isRemoval(cookie: unknown): boolean {
  return typeof cookie === "string" && cookie.includes("=;");
}

/**
 * HTTP/2 has no connection headers, transfer codings, folded lines, absolute targets and bodies of a wrong length; a
 * malformed target or host does not get as far as the pod, and a header that is too long ends the whole connection.
 */
function existsInHttp2({ line, headers = [], body }: Attack): boolean {
  const isOrdinary = /^(?!CONNECT)[A-Z]+ \{?[/P].* HTTP\/1\.1$/.test(line) && body === undefined;
  const names = headers.map((header) => /^[^: ]+(?=:)/.exec(header)?.[0].toLowerCase());
  const isKnown = names.every((name) => name !== undefined && !ONLY_HTTP1.has(name));
  const isShort = headers.every(({ length }) => length < 10_000);
  const isWellFormed = !line.includes("\t") && !headers.some((header) => /^Host: .*[@/,]/.test(header));
  return isOrdinary && isKnown && isShort && isWellFormed && new Set(names).size === names.length;
}

const ONLY_HTTP1 = new Set(["connection", "upgrade", "transfer-encoding", "http2-settings"]);
