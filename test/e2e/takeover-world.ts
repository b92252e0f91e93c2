import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Cluster, down, up } from "@amalthea/cluster";
import { buildImage } from "@amalthea/images";
import { createClient, type KubeClient, readKubeConfig } from "@amalthea/kube";
import { type IdentityProvider, startIdentityProvider } from "../integration/authorization/identity-provider.ts";
import type { Send } from "../integration/authorization/sign-in.ts";
import { FIXTURES, HOST, loadFixture, makeReferencedSecrets, NAMESPACE, legacyCrd } from "./legacy-controller.ts";

const RELEASE = { name: "amalthea", namespace: "amalthea" } as const;

const CONTROLLER_USER = "system:serviceaccount:amalthea:amalthea";

const never = new AbortController().signal;

/** Everybody the identity providers of the OIDC fixtures know. */
const ACCOUNTS = {
  alice: { email: "alice@example.org", email_verified: true, groups: ["physics"] },
  mallory: { email: "mallory@example.org", email_verified: true, groups: ["physics"] },
};

/**
 * A cluster of its own on which 0.24 ran until a moment ago: its release with its CustomResourceDefinition is
 * installed, its servers run in the legacy layout, and its controller is gone.
 */
export class TakeoverWorld implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly #providers: readonly IdentityProvider[];

  private constructor(cluster: Cluster, client: KubeClient, providers: readonly IdentityProvider[]) {
    this.cluster = cluster;
    this.client = client;
    this.#providers = providers;
  }

  /** @param name Of the cluster; what an interrupted run left of it goes first. */
  static async start(name: string): Promise<TakeoverWorld> {
    await down(name);
    const cluster = await up({ name });
    await loadImages(cluster);
    await installLegacyRelease(cluster);
    await cluster.kubectl(["create", "namespace", NAMESPACE]);
    const client = createClient({ config: await readKubeConfig(cluster.kubeconfigPath), userAgent: "test/1" });
    const address = cluster.hostAddress;
    const providerFor = (server: string, scheme: string, clientSecret: string): Promise<IdentityProvider> =>
      startIdentityProvider(ACCOUNTS, `${scheme}://${HOST}/sessions/${server}/oauth2/callback`, {
        address,
        clientSecret,
      });
    const inline = await providerFor("oidc-inline", "https", "inline-client-secret");
    const referenced = await providerFor("oidc-patched", "http", "from-a-secret");
    await makeReferencedSecrets(client);
    const issuers = { "oidc-inline": inline.issuerUrl, "oidc-patched": referenced.issuerUrl };
    for (const fixture of FIXTURES) await loadFixture(fixture, { client, issuers });
    return new TakeoverWorld(cluster, client, [inline, referenced]);
  }

  /** Replaces the release of 0.24 by our chart, as its administrator does, and waits until our controller leads. */
  async upgrade(): Promise<void> {
    const chart = fileURLToPath(new URL("../../helm-chart/amalthea", import.meta.url));
    const values = ["scope.clusterWide=true", "replicas=1", `podAnnotations.started=at-${Date.now()}`];
    const sets = values.flatMap((value) => ["--set", value]);
    const { name, namespace } = RELEASE;
    await this.cluster.helm(["upgrade", name, chart, "--namespace", namespace, ...sets, "--wait", "--timeout=3m"]);
  }

  /** Ends our controller and starts it again. */
  async restartController(): Promise<void> {
    const at = ["deployment/amalthea-controller", `--namespace=${RELEASE.namespace}`];
    await this.cluster.kubectl(["rollout", "restart", ...at]);
    await this.cluster.kubectl(["rollout", "status", ...at, "--timeout=120s"]);
  }

  /** The controller's writes so far, leases and Events apart, as the API server counted them. */
  writes(): readonly Write[] {
    const lines = readFileSync(this.cluster.auditLogPath, "utf8").split("\n");
    const ofController = lines.filter((line) => line.includes(CONTROLLER_USER)); // one in many, and only these are parsed
    return ofController.flatMap((line): readonly Write[] => {
      const { stage, verb, user, objectRef = {}, responseStatus } = JSON.parse(line) as AuditEntry;
      const { resource = "", subresource = "", name = "" } = objectRef;
      const isOurs = stage === "ResponseComplete" && user.username === CONTROLLER_USER;
      if (!isOurs || ["get", "list", "watch"].includes(verb) || ["leases", "events"].includes(resource)) return [];
      return (responseStatus?.code ?? 0) < 300 ? [{ verb, resource, subresource, name }] : [];
    });
  }

  /** Sends a request: through the ingress controller if it is for the servers' host. TLS would end before it. */
  readonly send: Send = async (url, headers) => {
    const target = new URL(url);
    if (target.host !== HOST) return await fetch(url, { redirect: "manual", headers });
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const at = { host: "127.0.0.1", port: this.cluster.ingressPort, path: target.pathname + target.search };
    const sent = request({ ...at, headers: { ...headers, host: HOST }, timeout: 20_000 }, (answer) => {
      buffer(answer).then((body) => resolve(responseOf(answer, body)), reject);
    });
    sent.on("timeout", () => sent.destroy(new Error(`${url} did not answer within 20 s`)));
    sent.on("error", reject).end();
    return await promise;
  };

  /** Those of `writes` that changed one object. */
  writesTo(resource: string, name: string): readonly Write[] {
    return this.writes().filter((write) => write.resource === resource && write.name === name);
  }

  /** Waits until the controller has written nothing for five seconds. */
  async quiet(): Promise<void> {
    let last = -1;
    let since = performance.now();
    await this.until(
      async () => {
        const { length } = this.writes();
        if (length !== last) [last, since] = [length, performance.now()];
        return performance.now() - since;
      },
      (milliseconds) => milliseconds > 5_000,
      120,
    );
  }

  /** Reads an object, or a list, of the servers' namespace. The caller names the shape it relies on. */
  async get<T>(group: "api/v1" | "apis/amalthea.dev/v1alpha1", resource: string): Promise<T> {
    return JSON.parse(await this.client.getText(`/${group}/namespaces/${NAMESPACE}/${resource}`, never)) as T;
  }

  /** Asks until the answer is as expected, twice a second. @throws Error with the last answer after the time limit. */
  async until<T>(ask: () => Promise<T>, expected: (answer: T) => boolean, seconds = 60): Promise<T> {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      const answer = await ask();
      if (expected(answer)) return answer;
      if (performance.now() > deadline) {
        throw new Error(`not within ${seconds} s; the last answer: ${JSON.stringify(answer)}`);
      }
      await sleep(500);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    for (const provider of this.#providers) await provider.close();
    await this.cluster.down();
  }
}

function responseOf(answer: IncomingMessage, body: Buffer): Response {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(answer.headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  return new Response(new Uint8Array(body), { status: answer.statusCode ?? 500, headers });
}

export type Write = {
  readonly verb: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
};

type AuditEntry = {
  readonly stage: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
};

async function loadImages(cluster: Cluster): Promise<void> {
  for (const name of ["controller", "authorization", "traefik", "oauth2-proxy", "jupyter"]) {
    const image = await buildImage(name, { progress: () => undefined, signal: new AbortController().signal });
    for (const reference of image.references) await cluster.loadImage(image.archive, reference);
  }
}

/** A release of 0.24's name, with the CRD among its templates as 0.24 had it. */
async function installLegacyRelease(cluster: Cluster): Promise<void> {
  const chart = mkdtempSync(join(tmpdir(), "legacy-chart-"));
  mkdirSync(join(chart, "templates"));
  writeFileSync(join(chart, "Chart.yaml"), "apiVersion: v2\nname: amalthea\nversion: 0.24.0\n");
  writeFileSync(join(chart, "templates", "crd.yaml"), JSON.stringify(legacyCrd()));
  const { name, namespace } = RELEASE;
  try {
    await cluster.helm(["install", name, chart, "--namespace", namespace, "--create-namespace"]);
  } finally {
    rmSync(chart, { recursive: true });
  }
  await cluster.kubectl(["wait", "--for=condition=Established", "crd/jupyterservers.amalthea.dev", "--timeout=30s"]);
}
