import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attackText, FORGED, GET, type Attack } from "../integration/authorization/attack.ts";
import { SIBLINGS, UPGRADES, WITH_SESSION } from "../integration/authorization/attacks-with-session.ts";
import { WITHOUT_SESSION } from "../integration/authorization/attacks-without-session.ts";
import { HANDSHAKE, sendUntilHead, type RawAnswer } from "../integration/authorization/raw-http.ts";
import { launchBrowser } from "./browser.ts";
import { leaveNamespace, useNamespace } from "./cluster.ts";
import {
  applyWithLogin,
  startIdentityProvider,
  type IdentityProvider,
  type UserName,
  untilAsksForLogin,
} from "./identity-provider.ts";
import { connectHttp2 } from "./http2.ts";
import { forwardPort, type PortForward } from "./port-forward.ts";
import { arrivalsAt, RECORDER_PATCH } from "./request-recorder.ts";
import { TestServer } from "./server.ts";
import { signIn } from "./sign-in.ts";

let namespace: string;
let provider: IdentityProvider;
let browser: Browser;

beforeAll(async () => {
  namespace = await useNamespace("e2e-attacks");
  browser = await launchBrowser();
  provider = await startIdentityProvider(namespace);
});

afterAll(async () => {
  await browser?.close();
  await leaveNamespace(namespace);
});

/** Each of these requests gets an answer, on a busy machine after a while. */
const TIMEOUT_MS = 60_000;

/** Marks a request, so that the recorder's lines can be told apart. */
const MARK = "X-Attack";

describe.each([
  { name: "root", basePath: "/" },
  { name: "below", basePath: "/sessions/a" },
])("an attack on a pod that serves $basePath", ({ name, basePath }) => {
  let server: TestServer;
  let forward: PortForward;
  let cookieName: string;
  const cookies = new Map<UserName, string>();
  /** The marks of the requests that were let in. */
  const admitted: string[] = [];
  let count = 0;

  beforeAll(async () => {
    server = new TestServer(name, namespace, { host: `${name}-${namespace}.localhost`, path: basePath });
    const criteria = { authorizedEmails: ["Alice@Example.org", "comma@example.org"], authorizedGroups: ["physics"] };
    await applyWithLogin(server, provider, criteria, { patches: [RECORDER_PATCH] });
    await untilAsksForLogin(server);
    const { metadata } = await server.read();
    cookieName = `${basePath === "/" ? "__Host-" : "__Secure-"}amalthea-${metadata.uid}`;
    forward = await forwardPort(`${name}-0`, namespace, 4180);
    for (const user of ["alice", "comma"] as const) {
      const { context, cookie } = await signIn(browser, server.url, user, "/nowhere");
      cookies.set(user, await cookie());
      await context.close();
    }
  });

  afterAll(() => forward?.close());

  const send = async (attack: Attack, user?: UserName): Promise<RawAnswer> => {
    count += 1;
    const session = user === undefined ? [] : [`Cookie: ${cookies.get(user)}`];
    const target = { host: new URL(server.url).host, cookieName, basePath };
    const text = attackText(attack, target, [`${MARK}: ${count}`, ...session]);
    const answer = await sendUntilHead(forward.port, text, TIMEOUT_MS);
    if (answer.status === 200) admitted.push(String(count));
    return answer;
  };

  it.each(WITHOUT_SESSION)("without a session: $attack → $status", async (attack) => {
    const answer = await send(attack);
    expect(answer.status).toBe(attack.status);
    if (answer.status === 401) expect(answer.setCookies.filter((cookie) => !cookie.includes("=;"))).toEqual([]);
  });

  it.each([...WITH_SESSION, ...UPGRADES, ...(basePath === "/" ? [] : SIBLINGS)])(
    "with a session: $attack → $status",
    async (attack) => {
      expect((await send(attack, "alice")).status).toBe(attack.status);
    },
  );

  it.each([
    { attack: "another user's session", headers: [] },
    { attack: "another user's session with forged identity headers", headers: FORGED },
  ])("$attack → 403", async ({ attack, headers }) => {
    expect((await send({ attack, line: GET, headers, status: 403 }, "comma")).status).toBe(403);
  });

  it.each([
    { who: "nobody", user: undefined, headers: FORGED, status: 401 },
    { who: "another user", user: "comma", headers: FORGED, status: 403 },
    { who: "the owner from another site", user: "alice", headers: ["Origin: https://evil.example"], status: 403 },
  ] as const)("a WebSocket of $who → $status", async ({ who, user, headers, status }) => {
    const line = "GET {P}/api/kernels/1/channels HTTP/1.1";
    const attack = { attack: who, line, headers: [...HANDSHAKE, ...headers], status };
    expect((await send(attack, user)).status).toBe(status);
  });

  it.each([
    { who: "nobody", user: undefined, status: 401 },
    { who: "another user", user: "comma", status: 403 },
  ] as const)("HTTP/2 by prior knowledge of $who → $status", async ({ user, status }) => {
    const connection = await connectHttp2(`http://localhost:${forward.port}`);
    const path = `${basePath === "/" ? "" : basePath}/api/contents`;
    const cookie = user === undefined ? {} : { cookie: cookies.get(user) };
    const answer = await connection.ask({ ":path": path, ":authority": new URL(server.url).host, ...cookie });
    connection.close();
    expect(answer.status).toBe(status);
  });

  it("reaches what stands behind the checks only as the owner, without the session and with no identity but his", async () => {
    expect(
      (await send({ attack: "", line: GET, headers: [...FORGED, "X-Forwarded-User: root"], status: 200 }, "alice"))
        .status,
    ).toBe(200);
    const arrivals = await arrivalsAt(server, admitted.length, MARK.toLowerCase());
    expect(arrivals.map(({ headers }) => headers.get(MARK.toLowerCase()))).toEqual(admitted);
    const names = arrivals.flatMap(({ headers }) => [...headers.keys()]);
    expect(names.filter((header) => /auth|forwarded-groups|original|upgrade$/.test(header))).toEqual([]);
    expect(new Set(arrivals.map(({ headers }) => headers.get("x-forwarded-user")))).toEqual(new Set(["alice"]));
    expect(arrivals.filter(({ headers }) => headers.get("cookie")?.includes("amalthea"))).toEqual([]);
  });
});
