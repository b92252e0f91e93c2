import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser } from "./browser.ts";
import { fetchThroughIngress, kubectl, leaveNamespace, until, useNamespace, waitFor, type Answer } from "./cluster.ts";
import { applyWithLogin, makePrivateProvider, type PrivateProvider } from "./identity-provider.ts";
import { forwardPort, type PortForward } from "./port-forward.ts";
import { TestServer } from "./server.ts";
import { signIn, signInAgain } from "./sign-in.ts";

let namespace: string;
let provider: PrivateProvider;
/** Knows the issuer URL and the authority. */
let finding: TestServer;
/** Knows all addresses and the authority. */
let told: TestServer;
/** Knows all addresses. */
let distrustful: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-providers");
  provider = await makePrivateProvider(namespace);
  [finding, told, distrustful] = [
    new TestServer("finding", namespace),
    new TestServer("told", namespace),
    new TestServer("distrustful", namespace),
  ];
  const { trust, addresses } = provider;
  await applyWithLogin(finding, provider, { ...trust, userId: "alice" });
  await applyWithLogin(told, provider, { ...trust, ...addresses, userId: "alice" });
  await applyWithLogin(distrustful, provider, { ...addresses, allowAnyUser: true });
});

afterAll(() => leaveNamespace(namespace));

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

  it("a server that has to find them starts without help, and people sign in", async () => {
    await waitFor("jupyterserver/finding", namespace, "condition=Ready");
    await until(
      () => pageOf(finding),
      ({ status }) => status === 302,
    );
    const { ask } = await signIn(browser, finding.url, "alice");
    expect((await ask("/api/status")).status).toBe(200);
    const { context, ask: askAsBob } = await signIn(browser, finding.url, "bob");
    expect((await askAsBob("/api/status")).status).toBe(403);
    await context.close();
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
