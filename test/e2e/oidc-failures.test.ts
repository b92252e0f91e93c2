import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, runInNewNotebook } from "./browser.ts";
import {
  cluster,
  fetchThroughIngress,
  get,
  kubectl,
  leaveNamespace,
  until,
  useNamespace,
  type Answer,
} from "./cluster.ts";
import { hang } from "./hanging.ts";
import {
  applyWithLogin,
  startIdentityProvider,
  type IdentityProvider,
  untilAsksForLogin,
} from "./identity-provider.ts";
import { untilRestarted } from "./look.ts";
import { JUPYTER_IMAGE, TestServer } from "./server.ts";
import { signIn, signInAgain, type SignedIn } from "./sign-in.ts";

let namespace: string;
let provider: IdentityProvider;
let browser: Browser;
let server: TestServer;
let alice: SignedIn;

beforeAll(async () => {
  namespace = await useNamespace("e2e-failures");
  browser = await launchBrowser();
  provider = await startIdentityProvider(namespace);
  server = new TestServer("tough", namespace);
  await applyWithLogin(server, provider, { userId: "alice" });
  await untilAsksForLogin(server);
  alice = await signIn(browser, server.url, "alice");
  await runInNewNotebook(alice.page, "kept = 41; print('kept')");
});

afterAll(async () => {
  await browser?.close();
  await leaveNamespace(namespace);
});

type ContainerStatus = {
  readonly name: string;
  readonly restartCount: number;
  readonly state: { readonly running?: object };
};
type Pod = { readonly status: { readonly containerStatuses: readonly ContainerStatus[] } };

async function restartsOf(name: string): Promise<number> {
  const { status } = await get<Pod>("pod", "tough-0", namespace);
  const found = status.containerStatuses.find((container) => container.name === name);
  return found?.state.running === undefined ? -1 : found.restartCount;
}

/** Ends the main process of a sidecar, whose image has no shell, from a container that shares its process namespace. */
async function end(container: string): Promise<void> {
  const profile = { securityContext: { runAsUser: 65_532, runAsGroup: 65_532 } };
  const name = `end-${container}`;
  const command = ["python3", "-c", "import os, signal; os.kill(1, signal.SIGTERM)"];
  const debug = { name, image: JUPYTER_IMAGE, targetContainerName: container, command, ...RESTRICTED, ...profile };
  const patch = {
    spec: {
      ephemeralContainers: [
        { ...debug, securityContext: { ...RESTRICTED.securityContext, ...profile.securityContext } },
      ],
    },
  };
  const change = ["--subresource=ephemeralcontainers", "--type=strategic", "-p", JSON.stringify(patch)];
  await kubectl(["patch", "pod", "tough-0", "-n", namespace, ...change]);
}

const RESTRICTED = {
  securityContext: {
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  },
} as const;

type Kernel = { readonly id: string };

/** For a moment after the restart of a container the pod is out of the Service: the answer is then the ingress's. */
async function kernels(): Promise<readonly string[]> {
  const { body } = await until(
    () => alice.ask("/api/kernels"),
    ({ status }) => status === 200,
  );
  return (JSON.parse(body) as readonly Kernel[]).map(({ id }) => id);
}

function untilSentToLogin(): Promise<Answer> {
  return until(
    () => fetchThroughIngress(`${server.url}/lab`, { headers: { accept: "text/html" } }),
    ({ status }) => status === 302,
  );
}

describe.each(["oauth2-proxy", "authorization", "auth-proxy"])("when %s is killed", (container) => {
  it("nobody without a session gets in meanwhile, it heals without help, and the kernel lives on", async () => {
    const before = { kernels: await kernels(), restarts: await restartsOf(container) };
    const statuses = new Set<number>();
    const observe = async (): Promise<number> => {
      const answer = await fetchThroughIngress(`${server.url}/api/kernels`).catch(() => undefined);
      statuses.add(answer?.status ?? 0);
      return restartsOf(container);
    };
    await end(container);
    await until(observe, (restarts) => restarts > before.restarts, 120);
    expect(await kernels()).toEqual(before.kernels);
    expect(await restartsOf("jupyter-server")).toBe(0);
    expect([...statuses].filter((status) => status !== 0 && status < 400)).toEqual([]);
  });
});

/** Of the three parts the one whose silence could be taken for consent; that of the others takes as long to test. */
describe.skipIf(cluster.namespace !== undefined)("when authorization hangs", () => {
  it("its users get an error that says so, it heals without help, and the kernel lives on", async () => {
    const before = { kernels: await kernels(), restarts: await restartsOf("authorization") };
    const openLab = (): Promise<Answer> => alice.ask("/lab", { accept: "text/html" }, 120);
    const refusal = until(openLab, ({ status }) => status !== 200, 240);
    const [refused] = await Promise.all([refusal, hang("tough-0", namespace, "authorization")]);
    expect([refused.status, refused.body]).toEqual([500, expect.stringMatching(/Gateway|is not answering/)]);
    await until(
      () => restartsOf("authorization"),
      (restarts) => restarts > before.restarts,
      120,
    );
    expect(await kernels()).toEqual(before.kernels);
    expect(await restartsOf("jupyter-server")).toBe(0);
  });
});

describe("when the provider is down", () => {
  beforeAll(() => provider.scale(0));

  it("open sessions go on, and new visitors are sent to the provider", async () => {
    await kernels();
    await untilSentToLogin();
    const { headers } = await fetchThroughIngress(`${server.url}/oauth2/start`);
    expect(headers["location"]).toContain(provider.url);
  });

  it("a pod starts all the same, and people sign in when the provider is back", async () => {
    const before = await server.podUid();
    await kubectl(["delete", "pod", "tough-0", "-n", namespace, "--grace-period=1"]);
    await untilRestarted(server, before);
    await untilSentToLogin();
    await provider.scale(1);
    const { ask } = await signInAgain(browser, server.url, "alice");
    expect((await ask("/api/status")).status).toBe(200);
  });
});
