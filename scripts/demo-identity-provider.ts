/** The demo identity provider as it runs in a cluster, and what a server needs to know of it. */
export type DemoLogin = {
  /** Of its Deployment, Service and Ingress, and of the Secret that {@link demoSecret} makes. */
  readonly name: string;
  readonly namespace: string;
  /** Host of its Ingress: a name below `.localhost`. */
  readonly host: string;
  /** Where the ingress controller listens, without a slash at its end. */
  readonly ingressUrl: string;
  readonly image: string;
};

/** Users by id, as the image `demo-identity-provider` reads them. */
export type DemoUsers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const PORT = 8080;

/** A provider that pods reach by the name of its Service. */
export type ProviderPod = {
  /** Of its Deployment and Service, and of the Secret that {@link demoSecret} makes. */
  readonly name: string;
  readonly namespace: string;
  readonly image: string;
  /** Its address as browsers see it. */
  readonly issuerUrl: string;
  /** Secret of type `kubernetes.io/tls`, with which it speaks https instead of http. */
  readonly tlsSecretName?: string;
  /** Default 1. */
  readonly replicas?: 0 | 1;
};

/** Deployment, Service and Ingress. */
export function demoIdentityProvider(login: DemoLogin): readonly object[] {
  const { name, namespace, host, image } = login;
  const backend = { service: { name, port: { number: 80 } } };
  return [
    ...providerPod({ name, namespace, image, issuerUrl: issuerOf(login) }),
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: { name, namespace },
      spec: { rules: [{ host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }] },
    },
  ];
}

/** Deployment and Service, which listens on the usual port of http or https. */
export function providerPod(provider: ProviderPod): readonly object[] {
  const { name, namespace, tlsSecretName, replicas = 1 } = provider;
  const metadata = { name, namespace };
  const labels = { app: name };
  const port = tlsSecretName === undefined ? 80 : 443;
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas,
        strategy: { type: "Recreate" }, // it keeps logins in memory: two of them would not know each other's
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec(provider) },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector: labels, ports: [{ name: "web", port, targetPort: PORT }] },
    },
  ];
}

/** The Secret with the client's secret, under `clientSecret`, and the users. @param provider The name it shares. */
export function demoSecret(
  { name, namespace }: Pick<ProviderPod, "name" | "namespace">,
  clientSecret: string,
  users: DemoUsers,
): object {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    stringData: { clientSecret, users: JSON.stringify(users) },
  };
}

/**
 * `spec.auth.oidc` of a server in the provider's namespace, without who may enter. Browsers reach the provider through
 * the ingress, the server's pod inside the cluster, where the issuer's host may mean nothing.
 */
export function demoClient(login: DemoLogin): Readonly<Record<string, unknown>> {
  const inside = `http://${login.name}.${login.namespace}.svc`;
  const issuerUrl = issuerOf(login);
  return {
    enabled: true,
    issuerUrl,
    clientId: "jupyter",
    clientSecret: { secretKeyRef: { name: login.name, key: "clientSecret" } },
    discovery: { loginUrl: `${issuerUrl}/auth`, redeemUrl: `${inside}/token`, jwksUrl: `${inside}/jwks` },
  };
}

/** The ingress controller's address with the provider's host in it. */
function issuerOf({ ingressUrl, host }: DemoLogin): string {
  const { protocol, port } = new URL(ingressUrl);
  return `${protocol}//${host}${port === "" ? "" : `:${port}`}`;
}

function podSpec({ name, image, issuerUrl, tlsSecretName }: ProviderPod): object {
  const from = (secretName: string, key: string): object => ({
    valueFrom: { secretKeyRef: { name: secretName, key } },
  });
  const tls =
    tlsSecretName === undefined
      ? []
      : [
          { name: "TLS_CERTIFICATE", ...from(tlsSecretName, "tls.crt") },
          { name: "TLS_KEY", ...from(tlsSecretName, "tls.key") },
        ];
  const scheme = tlsSecretName === undefined ? "HTTP" : "HTTPS";
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name,
        image,
        env: [
          { name: "ISSUER_URL", value: issuerUrl },
          { name: "CLIENT_SECRET", ...from(name, "clientSecret") },
          { name: "USERS", ...from(name, "users") },
          ...tls,
        ],
        ports: [{ containerPort: PORT }],
        readinessProbe: { httpGet: { path: "/jwks", port: PORT, scheme }, periodSeconds: 1 },
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
