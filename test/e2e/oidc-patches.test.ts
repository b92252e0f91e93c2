import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HANDSHAKE } from "../integration/authorization/raw-http.ts";
import { launchBrowser, runInNewNotebook } from "./browser.ts";
import { fetchThroughIngress, kubectl, leaveNamespace, useNamespace } from "./cluster.ts";
import { applyWithLogin, startIdentityProvider, untilAsksForLogin } from "./identity-provider.ts";
import { inServer } from "./look.ts";
import { arrivalsAt, recorder } from "./request-recorder.ts";
import { JUPYTER_IMAGE, TestServer } from "./server.ts";
import { signIn, type SignedIn } from "./sign-in.ts";

let namespace: string;
let browser: Browser;
let server: TestServer;

/** A proxy as clients add it between login and Jupyter: forwards everything, and marks it. */
const PROXY_PROGRAM = `
import asyncio
async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
async def serve(reader, writer):
    print("passed on", flush=True)
    upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", 8888)
    await asyncio.gather(copy(reader, upstream_writer), copy(upstream_reader, writer))
async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", 8080)).serve_forever()
asyncio.run(main())
`;

const POD = "/statefulset/spec/template/spec";

const securityContext = {
  runAsUser: 1000,
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

/** What a client of 0.24 is known to send, in one object. */
function knownPatches({ path }: TestServer): readonly object[] {
  const add = (where: string, value: unknown): object => ({ op: "add", path: `${POD}${where}/-`, value });
  const loginArgument = (value: string): object => add("/containers/1/args", value);
  const python = { image: JUPYTER_IMAGE, securityContext };
  const command = ["sh", "-c", "echo prepared > /extra/file"];
  const mount = { name: "extra", mountPath: "/extra" };
  const patch = [
    { op: "replace", path: `${POD}/containers/1/args/6`, value: "--upstream=http://127.0.0.1:8080" },
    loginArgument(`--upstream=http://127.0.0.1:9000${path}/sidecar/`),
    loginArgument(`--skip-auth-route=^${path}/sidecar/health$`),
    loginArgument("--insecure-oidc-allow-unverified-email"),
    loginArgument("--skip-jwt-bearer-tokens=true"),
    add("/containers/1/env", { name: "CLIENT", value: "ours" }),
    add("/containers/0/env", { name: "CLIENT", value: "ours" }),
    add("/volumes", { name: "extra", emptyDir: {} }),
    add("/containers/0/volumeMounts", mount),
    add("/initContainers", { ...python, name: "prepare", command, volumeMounts: [mount] }),
    add("/containers", { ...python, name: "git-proxy", command: ["python3", "-c", PROXY_PROGRAM] }),
    add("/containers", recorder),
  ];
  return [
    { type: "application/json-patch+json", patch },
    {
      type: "application/merge-patch+json",
      patch: { statefulset: { spec: { template: { spec: { terminationGracePeriodSeconds: 5 } } } } },
    },
  ];
}

beforeAll(async () => {
  namespace = await useNamespace("e2e-oidc-patches");
  browser = await launchBrowser();
  const provider = await startIdentityProvider(namespace);
  server = new TestServer("patched", namespace);
  const criteria = { authorizedUserIds: ["alice", "unverified"] };
  await applyWithLogin(server, provider, criteria, { patches: knownPatches(server) });
  await untilAsksForLogin(server);
});

afterAll(async () => {
  await browser?.close();
  await leaveNamespace(namespace);
});

describe("a server with a login and the patches that clients send", () => {
  let alice: SignedIn;

  beforeAll(async () => {
    alice = await signIn(browser, server.url, "alice");
  });

  it("has the containers, volumes and variables of the patches", async () => {
    expect(await inServer(server, "cat /extra/file; echo $CLIENT")).toBe("prepared\nours");
  });

  it("runs a cell through the proxy that a patch put in front of Jupyter", async () => {
    expect(await runInNewNotebook(alice.page, "print(6 * 7)")).toBe("42");
    expect(await kubectl(["logs", "patched-0", "-c", "git-proxy", "-n", namespace])).toContain("passed on");
  });

  it.each([
    { asks: "for what a patch wanted to be open", path: "/sidecar/health", headers: {} },
    { asks: "for an added upstream", path: "/sidecar/files", headers: {} },
    { asks: "for Jupyter", path: "/api/contents", headers: {} },
    {
      asks: "with a token that nobody has signed",
      path: "/sidecar/files",
      headers: { authorization: "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImF1ZCI6Imp1cHl0ZXIifQ." },
    },
  ])("answers 401 to somebody without a session who asks $asks", async ({ path, headers }) => {
    expect((await fetchThroughIngress(`${server.url}${path}`, { headers })).status).toBe(401);
  });

  it("refuses another user behind the added upstream as well", async () => {
    const { ask, context } = await signIn(browser, server.url, "bob");
    expect((await ask("/sidecar/health")).status).toBe(403);
    expect((await ask("/api/contents")).status).toBe(403);
    await context.close();
  });

  it("lets people in whose address the provider has not verified, as a patch asks", async () => {
    const { ask, context } = await signIn(browser, server.url, "unverified");
    expect((await ask("/api/status")).status).toBe(200);
    await context.close();
  });

  it("leads requests and WebSockets below an added upstream there, and nothing of the others", async () => {
    const handshake = Object.fromEntries(HANDSHAKE.map((header) => header.split(": ") as [string, string]));
    await alice.ask("/sidecar/socket", handshake);
    expect((await alice.ask("/sidecar/files?x=1")).status).toBe(200);
    const arrivals = await arrivalsAt(server, 2);
    expect(arrivals.map(({ url }) => url)).toEqual([
      `${server.path}/sidecar/socket`,
      `${server.path}/sidecar/files?x=1`,
    ]);
  });

  it("says that the route stays closed", async () => {
    const condition = await server.condition("PatchWarning");
    expect(condition).toMatchObject({ status: "True", reason: "SkipAuthRouteIgnored" });
    expect(condition?.message).toContain("--skip-auth-route=^");
  });
});
