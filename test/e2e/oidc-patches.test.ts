import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HANDSHAKE } from "../integration/authorization/raw-http.ts";
import { launchBrowser, runInNewNotebook } from "./browser.ts";
import { ClientSession } from "./client-session.ts";
import { cluster, fetchThroughIngress, get, kubectl, leaveNamespace, useNamespace, waitFor } from "./cluster.ts";
import {
  applyWithLogin,
  startIdentityProvider,
  untilAsksForLogin,
  type IdentityProvider,
} from "./identity-provider.ts";
import { inServer, untilReason } from "./look.ts";
import { arrivalsAt, recorder } from "./request-recorder.ts";
import { JUPYTER_IMAGE, TestServer } from "./server.ts";
import { signIn, type SignedIn, STATUS } from "./sign-in.ts";

let namespace: string;
let browser: Browser;
let server: TestServer;
/** Of a client of 0.24, in a namespace of its own. */
let session: ClientSession;

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

/** A namespace of a user's choice may have another Pod Security level than platforms of 0.24. */
const isOurCluster = cluster.namespace === undefined;

/** The client's secret is in clear text in the session, as such clients write it. */
async function withSecretInSpec({ client }: IdentityProvider): Promise<Pick<IdentityProvider, "client">> {
  const { secretKeyRef } = client["clientSecret"] as { secretKeyRef: { name: string; key: string } };
  const { data } = await get<{ data: Record<string, string> }>("secret", secretKeyRef.name, namespace);
  const value = Buffer.from(data[secretKeyRef.key] ?? "", "base64").toString();
  return { client: { ...client, clientSecret: { value } } };
}

beforeAll(async () => {
  namespace = await useNamespace("e2e-oidc-patches");
  browser = await launchBrowser();
  const provider = await startIdentityProvider(namespace);
  server = new TestServer("patched", namespace);
  const criteria = { authorizedUserIds: ["alice", "unverified"] };
  await applyWithLogin(server, provider, criteria, { patches: knownPatches(server) });
  session = new ClientSession("e2e-client-session");
  if (isOurCluster) await session.create(await withSecretInSpec(provider), [`unverified@example.org`]);
  await untilAsksForLogin(server);
});

afterAll(async () => {
  await browser?.close();
  if (isOurCluster) await kubectl(["delete", "namespace", session.server.namespace, "--wait=false"]);
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
    const { ask, context } = await signIn(browser, server.url, "bob", STATUS);
    expect((await ask("/sidecar/health")).status).toBe(403);
    expect((await ask("/api/contents")).status).toBe(403);
    await context.close();
  });

  it("lets people in whose address the provider has not verified, as a patch asks", async () => {
    const { ask, context } = await signIn(browser, server.url, "unverified", STATUS);
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

describe.runIf(isOurCluster)("the session of a client of 0.24, as the client creates it", () => {
  type Seen = {
    readonly status: {
      readonly state: string;
      readonly containerStates: Readonly<Record<"init" | "regular", Readonly<Record<string, string>>>>;
      readonly create_fn: { readonly fullServerURL: string };
    };
  };
  const seen = async (): Promise<Seen["status"]> =>
    (await get<Seen>("jupyterserver", session.server.name, session.server.namespace)).status;
  const inSession = (container: string, command: string): Promise<string> =>
    kubectl([
      "exec",
      `${session.server.name}-0`,
      "-n",
      session.server.namespace,
      "-c",
      container,
      "--",
      "sh",
      "-c",
      command,
    ]);

  it("runs, and its status is what the client reads", async () => {
    await untilAsksForLogin(session.server);
    const { state, containerStates, create_fn } = await seen();
    expect(state).toBe("running");
    expect(create_fn.fullServerURL).toBe(session.server.url);
    expect(containerStates.init).toEqual({
      "init-certificates": "ready",
      "download-image": "ready",
      "git-clone": "ready",
    });
    const ours = ["jupyter-server", "oauth2-proxy", "authorization", "auth-proxy"];
    const all = ["git-proxy", "git-sidecar", ...ours].map((name) => [name, "ready"]);
    expect(containerStates.regular).toEqual(Object.fromEntries(all));
  });

  it("lets the person in whose address the platform takes unverified, to Jupyter and to the client's sidecar", async () => {
    const { ask, context } = await signIn(browser, session.server.url, "unverified");
    expect((await ask("/api/status")).status).toBe(200);
    expect((await ask("/sidecar/jsonrpc")).status).toBe(200);
    await context.close();
  });

  it("has the client's fresh credentials after it was hibernated and resumed, and the files of before", async () => {
    const { name, namespace: ofSession } = session.server;
    await session.server.patch({ spec: { jupyterServer: { hibernated: true } } });
    await untilReason(session.server, "Hibernated", "Hibernated");
    await session.resume("fresh");
    await waitFor(`jupyterserver/${name}`, ofSession, "condition=Ready");
    expect((await inSession("git-proxy", "echo $GIT_PROXY_CLIENT_ACCESS_TOKEN")).trim()).toBe("fresh");
    expect(await inSession("jupyter-server", "cat project/log")).toBe("cloned\ncloned\n");
    const image = await get<{ data: object }>("secret", `${name}-image-secret`, ofSession);
    expect(image.data).toEqual({ token: Buffer.from("fresh").toString("base64") });
    expect(await session.server.condition("PatchWarning")).toMatchObject({ status: "True" });
  });
});
