import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { launchBrowser, newBrowserContext } from "./browser.ts";
import {
  cluster,
  fetchThroughIngress,
  kubectl,
  leaveNamespace,
  until,
  useNamespace,
  waitFor,
  type Answer,
} from "./cluster.ts";
import { commandsOfGuide, metadataOfGuide, textOfGuide } from "./guide.ts";
import { applyWithLogin, makePrivateProvider, type PrivateProvider } from "./identity-provider.ts";
import { untilRestarted } from "./look.ts";
import { forwardPort, type PortForward } from "./port-forward.ts";
import { JUPYTER_IMAGE, TestServer } from "./server.ts";
import { signIn, signInAgain, STATUS } from "./sign-in.ts";

let namespace: string;
let provider: PrivateProvider;
/** The one of the guide, by https: it knows the issuer URL, and the authority. */
let finding: TestServer;
/** Knows all addresses, and the authority by a patch of oauth2-proxy alone, as clients of 0.24 write it. */
let told: TestServer;
/** Knows all addresses. */
let distrustful: TestServer;
/** Is given an issuer that does not exist. */
let mistyped: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-providers");
  provider = await makePrivateProvider(namespace);
  [finding, told, distrustful, mistyped] = [
    new TestServer("my-notebook", namespace, {
      ...{ host: `finding-${namespace}.localhost`, path: "/my-notebook", scheme: "https" },
    }),
    new TestServer("told", namespace),
    new TestServer("distrustful", namespace),
    new TestServer("mistyped", namespace),
  ];
  const { trust, addresses } = provider;
  await followGuide(trust);
  const patches = [trustByPatch(trust)];
  await applyWithLogin(told, provider, { ...addresses, userId: "alice" }, { patches });
  await applyWithLogin(distrustful, provider, { ...addresses, allowAnyUser: true });
  await applyWithLogin(mistyped, provider, { ...trust, issuerUrl: "https://mistyped.invalid", allowAnyUser: true });
});

afterAll(() => leaveNamespace(namespace));

/** A patch that mounts the authority for oauth2-proxy and names it, and wants tokens of programs to be accepted. */
function trustByPatch({ trustedCA: { configMapName: name, key } }: PrivateProvider["trust"]): object {
  const pod = "/statefulset/spec/template/spec";
  const variables = {
    OAUTH2_PROXY_PROVIDER_CA_FILES: `/etc/ssl/certs/${key}`,
    OAUTH2_PROXY_SKIP_JWT_BEARER_TOKENS: "true",
  };
  const patch = [
    { op: "add", path: `${pod}/volumes/-`, value: { name: "etc-ssl-certs", configMap: { name } } },
    {
      ...{ op: "add", path: `${pod}/containers/1/volumeMounts/-` },
      value: { name: "etc-ssl-certs", mountPath: "/etc/ssl/certs/", readOnly: true },
    },
    ...Object.entries(variables).map(([variable, value]) => ({
      ...{ op: "add", path: `${pod}/containers/1/env/-`, value: { name: variable, value } },
    })),
  ];
  return { type: "application/json-patch+json", patch };
}

/** A token in the form of a provider's, of a key that none has. */
function foreignToken(): string {
  const parts = [{ alg: "RS256", kid: "foreign" }, { sub: "alice" }].map((part) => JSON.stringify(part));
  return [...parts, "signature"].map((part) => Buffer.from(part).toString("base64url")).join(".");
}

/** Applies the guide's server with its Secret. @param trust What the guide says to set for a private authority. */
async function followGuide(trust: object): Promise<void> {
  const { issuerUrl, clientSecret } = provider.client as unknown as Client;
  const { name, key } = clientSecret.secretKeyRef;
  const secret = await kubectl([
    "get",
    "secret",
    name,
    "-n",
    namespace,
    "-o",
    `go-template={{.data.${key}|base64decode}}`,
  ]);
  const context = cluster.context === undefined ? "" : ` --context=${cluster.context}`;
  const here = `kubectl --kubeconfig=${cluster.kubeconfig}${context} -n ${namespace}`;
  const commands = await commandsOfGuide("login: secret of the client", { kubectl: here });
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], SECRET: secret };
  await promisify(execFile)("sh", ["-ec", commands], { env });
  const text = await textOfGuide("yaml", "login: server", {
    "https://login.example.org/realms/lab": issuerUrl,
    "jupyter.example.org": finding.host,
    "quay.io/jupyter/minimal-notebook:latest": JUPYTER_IMAGE,
  });
  const { spec } = parse(text) as {
    readonly spec: Readonly<Record<"auth" | "routing", Readonly<Record<string, object>>>>;
  };
  // traefik offers https on the port of http to those who ask for it; the guide's server is at the usual port.
  const atTestPort = {
    externalUrl: new URL(finding.url).origin,
    ingressAnnotations: { "traefik.ingress.kubernetes.io/router.tls": "true" },
  };
  await finding.apply({
    ...spec,
    routing: { ...spec.routing, ...atTestPort },
    auth: { oidc: { ...spec.auth["oidc"], ...trust } },
  });
}

type Client = {
  readonly issuerUrl: string;
  readonly clientSecret: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
};

function pageOf({ url }: TestServer): Promise<Answer> {
  return fetchThroughIngress(`${url}/lab`, { headers: { accept: "text/html" } });
}

describe("while the provider is down", () => {
  it("a server that was told its addresses starts, and sends people there", async () => {
    await waitFor("jupyterserver/told", namespace, "condition=Ready");
    const { headers } = await until(
      () => fetchThroughIngress(`${told.url}/oauth2/start`),
      ({ status }) => status === 302,
    );
    expect(headers["location"]).toContain(`${provider.client["issuerUrl"]}/auth?`);
  });

  it("a server that has to find them lets nobody in, and says which container waits", async () => {
    const condition = await until(
      () => finding.condition("Ready"),
      (ready) => ready?.message.includes("oauth2-proxy") === true,
      120,
    );
    expect(condition?.status).toBe("False");
    expect((await pageOf(finding)).status).toBeGreaterThanOrEqual(400);
  });
});

describe("when the provider is back", () => {
  let forward: PortForward;
  let browser: Browser;

  beforeAll(async () => {
    const [, pod = ""] = (await provider.start()).split("/");
    forward = await forwardPort(pod, namespace, 8080);
    browser = await launchBrowser({ [provider.host]: `127.0.0.1:${forward.port}` });
  });

  afterAll(async () => {
    await browser?.close();
    await forward?.close();
  });

  it("people sign in at a server that was told its addresses and its authority", async () => {
    const { ask } = await signInAgain(browser, told.url, "alice");
    expect((await ask("/api/status")).status).toBe(200);
  });

  it("its keys are known to that server, too: a token of another key is refused, and not for want of them", async () => {
    const headers = { authorization: `Bearer ${foreignToken()}` };
    const { status, body } = await fetchThroughIngress(`${told.url}/api/status`, { headers });
    expect([status, body]).toEqual([401, expect.stringContaining("TokenNotAccepted")]);
  });

  it("its metadata have what the guide tells readers to look for", async () => {
    const page = await (await newBrowserContext(browser)).newPage();
    const issuerUrl = String(provider.client["issuerUrl"]);
    const answer = await page.goto(`${issuerUrl}/.well-known/openid-configuration`);
    const metadata = (await answer?.json()) as Readonly<Record<string, unknown>>;
    const names = await metadataOfGuide();
    expect(names).toHaveLength(7);
    expect(names.filter((name) => metadata[name] === undefined)).toEqual([]);
    expect(metadata["issuer"]).toBe(issuerUrl);
    await page.context().close();
  });

  it("the server of the guide starts without help, and the person whom it names signs in", async () => {
    await waitFor("jupyterserver/my-notebook", namespace, "condition=Ready");
    await until(
      () => pageOf(finding),
      ({ status }) => status === 302,
    );
    const { ask } = await signIn(browser, finding.url, "alice", STATUS);
    expect((await ask("/api/status")).status).toBe(200);
    const { context, ask: askAsBob } = await signIn(browser, finding.url, "bob", STATUS);
    expect((await askAsBob("/api/status")).status).toBe(403);
    await context.close();
  });

  it("a server whose issuer was wrong has the cause in its pod's status, and is healed by the correction alone", async () => {
    const statuses = "jsonpath={.status.containerStatuses[?(@.name=='oauth2-proxy')]}";
    await until(
      () => kubectl(["get", "pod", "mistyped-0", "-n", namespace, "-o", statuses]),
      (status) => status.includes("Failed to initialise OAuth2 Proxy"),
    );
    const before = await mistyped.podUid();
    await mistyped.patch({ spec: { auth: { oidc: { issuerUrl: provider.client["issuerUrl"] } } } });
    await untilRestarted(mistyped, before);
    await until(
      () => pageOf(mistyped),
      ({ status }) => status === 302,
    );
  });

  it("a server that does not trust the authority lets nobody in, and its log says why", async () => {
    await waitFor("jupyterserver/distrustful", namespace, "condition=Ready");
    const { page, ask } = await signIn(browser, distrustful.url, "alice");
    expect(page.url()).toContain("/oauth2/callback");
    expect(await page.getByRole("heading").innerText()).toBe("The sign-in did not work");
    expect((await ask("/api/status")).status).toBe(401);
    const log = await kubectl(["logs", "distrustful-0", "-c", "oauth2-proxy", "-n", namespace]);
    expect(log).toContain("certificate signed by unknown authority");
  });
});
