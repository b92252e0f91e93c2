import type { Page } from "playwright-core";
import { type Answer, apply, cluster, fetchThroughIngress, kubectl, until, waitFor } from "./cluster.ts";

const IMAGE = process.env["AMALTHEA_TEST_KEYCLOAK_IMAGE"] ?? "amalthea/keycloak:1.0.0-alpha.0";

/** The administrator of the image. */
const ADMINISTRATOR = { username: "admin", password: "admin" } as const;

const NAME = "keycloak";

/** A Keycloak in the cluster, found by pods and browsers under one address, so that servers need its issuer URL only. */
export type Keycloak = {
  /** Address of its Service, without a slash at its end. */
  readonly url: string;
  /** Where a browser of this machine finds it; see `launchBrowser`. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Asks its administration API, below `/admin/realms`. @throws Error when it refuses. */
  readonly administer: (method: string, path: string, body?: object) => Promise<unknown>;
  /** A token of a realm that no server knows. */
  readonly administratorToken: () => Promise<string>;
  /** Runs a script beside it, as its administrator would. @returns What it printed. */
  readonly run: (script: string) => Promise<string>;
  /** Ends the server, which the kubelet starts again with the same database. */
  readonly restart: () => Promise<void>;
};

/** Starts a Keycloak that has no realm but its own. */
export async function startKeycloak(namespace: string): Promise<Keycloak> {
  const host = `${NAME}.${namespace}.svc`;
  const url = `http://${host}`;
  for (const object of objects(namespace, host)) await apply(object);
  const ingress = new URL(cluster.ingressUrl);
  const ask: Ask = (path, options) => askThroughIngress(host, path, options);
  await waitFor(`deployment/${NAME}`, namespace, "condition=Available", START_SECONDS);
  await until(
    () => ask("/realms/master", {}),
    ({ status }) => status === 200,
  );
  return {
    url,
    addresses: { [host]: `${ingress.hostname}:${ingress.port === "" ? "80" : ingress.port}` },
    administratorToken: () => administratorToken(ask),
    administer: async (method, path, body) => administer(ask, method, path, body),
    run: async (script) => kubectl(["exec", "-i", `deployment/${NAME}`, "-n", namespace, "--", "sh", "-e"], script),
    restart: async () => {
      const restarts = await restartsOf(namespace);
      await kubectl(["exec", `deployment/${NAME}`, "-n", namespace, "--", "sh", "-c", "kill 1"]);
      await untilRestarted(namespace, restarts + 1);
      await until(
        () => ask("/realms/master", {}),
        ({ status }) => status === 200,
      );
    },
  };
}

/** Fills in Keycloak's form. The password of everybody in these tests is their name. */
export async function fillKeycloakLogin(page: Page, user: string): Promise<void> {
  await page.locator("#username").fill(user);
  await page.locator("#password").fill(user);
  await page.locator("#kc-login").click();
}

type Question = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};
type Ask = (path: string, question: Question) => Promise<Answer>;

function askThroughIngress(host: string, path: string, question: Question): Promise<Answer> {
  const headers = { host, ...question.headers };
  return fetchThroughIngress(`${cluster.ingressUrl}${path}`, { ...question, headers, seconds: 120 });
}

async function administer(ask: Ask, method: string, path: string, body?: object): Promise<unknown> {
  const headers = { authorization: `Bearer ${await administratorToken(ask)}`, "content-type": "application/json" };
  const answer = await ask(`/admin/realms${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.status >= 300) throw new Error(`Keycloak: ${method} ${path}: ${answer.status} ${answer.body}`);
  return answer.body === "" ? undefined : JSON.parse(answer.body);
}

/** Good for a minute. */
async function administratorToken(ask: Ask): Promise<string> {
  const body = new URLSearchParams({ grant_type: "password", client_id: "admin-cli", ...ADMINISTRATOR }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await ask("/realms/master/protocol/openid-connect/token", { method: "POST", headers, body });
  const { access_token: token } = JSON.parse(answer.body) as { readonly access_token: string };
  return token;
}

async function restartsOf(namespace: string): Promise<number> {
  return Number(await kubectl(["get", "pods", ...itsPod(namespace), "-o", `jsonpath={.items[0]${RESTARTS}}`]));
}

/** Waits until it has restarted so often and is ready again. */
async function untilRestarted(namespace: string, restarts: number): Promise<void> {
  for (const condition of [`jsonpath={${RESTARTS}}=${restarts}`, "condition=Ready"]) {
    await kubectl(["wait", "pods", ...itsPod(namespace), `--for=${condition}`, `--timeout=${START_SECONDS}s`]);
  }
}

/** A restart takes half a minute of one core, and the other tests want it as well. */
const START_SECONDS = 280;

const RESTARTS = ".status.containerStatuses[0].restartCount";

function itsPod(namespace: string): readonly string[] {
  return ["-n", namespace, "-l", `app=${NAME}`];
}

function objects(namespace: string, host: string): readonly object[] {
  const metadata = { name: NAME, namespace };
  const labels = { app: NAME };
  const backend = { service: { name: NAME, port: { number: 80 } } };
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        selector: { matchLabels: labels },
        strategy: { type: "Recreate" }, // each has a database of its own
        template: { metadata: { labels }, spec: podSpec(host) },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector: labels, ports: [{ name: "web", port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata,
      spec: { rules: [{ host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }] },
    },
  ];
}

/** The database lies in a volume, for a container that ends loses its files. */
function podSpec(host: string): object {
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
  const data = { name: "data" };
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 1000,
      fsGroup: 1000,
      seccompProfile: { type: "RuntimeDefault" },
    },
    initContainers: [
      {
        name: "database",
        image: IMAGE,
        command: ["cp", "-r", "/opt/keycloak/data/.", "/data"],
        volumeMounts: [{ ...data, mountPath: "/data" }],
        securityContext,
      },
    ],
    containers: [
      {
        name: NAME,
        image: IMAGE,
        env: [
          { name: "KC_HOSTNAME", value: `http://${host}` },
          { name: "KC_OPTS", value: "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" }, // kcadm starts sooner
          { name: "KC_CLI_PASSWORD", value: ADMINISTRATOR.password }, // kcadm asks for it else
        ],
        volumeMounts: [{ ...data, mountPath: "/opt/keycloak/data" }],
        ports: [{ containerPort: 8080 }],
        readinessProbe: { httpGet: { path: "/health/ready", port: 9000 }, periodSeconds: 1, timeoutSeconds: 5 },
        resources: { requests: { cpu: "100m", memory: "512Mi" }, limits: { memory: "1Gi" } },
        securityContext,
      },
    ],
    volumes: [{ ...data, emptyDir: {} }],
  };
}
