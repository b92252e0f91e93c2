/** The demo identity provider as it runs in a cluster, and what a server needs to know of it. */
export type DemoLogin = {
  readonly namespace: string;
  /** Host of its Ingress: a name below `.localhost`. */
  readonly host: string;
  /** Where the ingress controller listens, without a slash at its end. */
  readonly ingressUrl: string;
  readonly image: string;
};

/** Users by id, as the image `demo-identity-provider` reads them. */
export type DemoUsers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const NAME = "demo-identity-provider";
const PORT = 8080;

/** Deployment, Service and Ingress. The Secret of this name with `clientSecret` and `users` is {@link demoSecret}. */
export function demoIdentityProvider(login: DemoLogin): readonly object[] {
  const { namespace, host } = login;
  const metadata = { name: NAME, namespace };
  const labels = { app: NAME };
  const backend = { service: { name: NAME, port: { number: 80 } } };
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: 1,
        strategy: { type: "Recreate" }, // it keeps logins in memory: two of them would not know each other's
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec(login) },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector: labels, ports: [{ name: "http", port: 80, targetPort: PORT }] },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata,
      spec: { rules: [{ host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }] },
    },
  ];
}

/** The Secret with the client's secret and the users. */
export function demoSecret(namespace: string, clientSecret: string, users: DemoUsers): object {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: NAME, namespace },
    stringData: { clientSecret, users: JSON.stringify(users) },
  };
}

/**
 * `spec.auth.oidc` of a server in the provider's namespace, without who may enter. Browsers reach the provider through
 * the ingress, the server's pod inside the cluster, where the issuer's host may mean nothing.
 */
export function demoClient(login: DemoLogin): Readonly<Record<string, unknown>> {
  const inside = `http://${NAME}.${login.namespace}.svc`;
  const issuerUrl = issuerOf(login);
  return {
    enabled: true,
    issuerUrl,
    clientId: "jupyter",
    clientSecret: { secretKeyRef: { name: NAME, key: "clientSecret" } },
    discovery: { loginUrl: `${issuerUrl}/auth`, redeemUrl: `${inside}/token`, jwksUrl: `${inside}/jwks` },
  };
}

/** The ingress controller's address with the provider's host in it. */
function issuerOf({ ingressUrl, host }: DemoLogin): string {
  const { protocol, port } = new URL(ingressUrl);
  return `${protocol}//${host}${port === "" ? "" : `:${port}`}`;
}

function podSpec(login: DemoLogin): object {
  const secret = (key: string): object => ({ valueFrom: { secretKeyRef: { name: NAME, key } } });
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name: NAME,
        image: login.image,
        env: [
          { name: "ISSUER_URL", value: issuerOf(login) },
          { name: "CLIENT_SECRET", ...secret("clientSecret") },
          { name: "USERS", ...secret("users") },
        ],
        ports: [{ containerPort: PORT }],
        readinessProbe: { httpGet: { path: "/jwks", port: PORT }, periodSeconds: 1 },
        resources: { requests: { cpu: "10m", memory: "48Mi" }, limits: { memory: "256Mi" } },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
      },
    ],
  };
}
