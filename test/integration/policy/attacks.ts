import { aTlsSecret } from "../../../controller/src/decide/testing/certificates.ts";
import { HOSTILE_PATCHES, json as jsonPatch, merge } from "../controller/hostile-patches.ts";

/** A server that serves at a route, and that somebody with rights on servers of another namespace attacks. */
export type Victim = {
  readonly host: string;
  readonly path: string;
  readonly namespace: string;
  readonly name: string;
};

/** What an attacker asks for, as part of a server's spec, and the reason that it is refused with. */
export type Attack = {
  readonly what: string;
  readonly reason: string;
  readonly spec: object;
  /** Chart value that has to be set for it: by its default this is allowed within the attacker's own namespace. */
  readonly refusedBy?: string;
};

export const json = (path: string, value: unknown): object => ({ patches: [jsonPatch({ op: "add", path, value })] });

export const ingressFor = (spec: object, annotations: object = {}): object => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { annotations },
  spec,
});

export const toMallory = { service: { name: "mallory", port: { number: 80 } } };
export const pathsTo = (path: string, pathType = "Prefix"): object => ({
  http: { paths: [{ path, pathType, backend: toMallory }] },
});
export const POD = "/statefulset/spec/template/spec";

const statefulSetFor = (labels: object, selector: object = { matchLabels: labels }): object => ({
  ...{ apiVersion: "apps/v1", kind: "StatefulSet" },
  spec: {
    selector,
    template: { metadata: { labels }, spec: { containers: [{ name: "x", image: "x" }] } },
  },
});
const statefulSetSelecting = (labels: object): object => ({
  spec: { selector: { matchLabels: labels }, template: { metadata: { labels } } },
});
const percentCode = (letter: string): string => `%${letter.charCodeAt(0).toString(16)}`;
export const configMap = (metadata: object): object => ({ apiVersion: "v1", kind: "ConfigMap", metadata, data: {} });
const roleBinding = {
  ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "RoleBinding", metadata: {} },
  ...{ roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" } },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "mallory" }],
};

/** What somebody named Mallory tries who may write servers in one namespace, and nothing else. */
export function attacksOn({ host, path, namespace, name }: Victim): readonly Attack[] {
  return [
    { what: "her own route", reason: "RouteTaken", spec: { routing: { host, path } } },
    { what: "a route within hers", reason: "RouteTaken", spec: { routing: { host, path: `${path}/lab` } } },
    { what: "a route around hers", reason: "RouteTaken", spec: { routing: { host, path: "/" } } },
    {
      what: "an Ingress on her route",
      reason: "RouteTaken",
      spec: json("/more", ingressFor({ rules: [{ host, ...pathsTo(path) }] })),
    },
    {
      what: "an Ingress for every host",
      reason: "RouteTaken",
      spec: json("/more", ingressFor({ rules: [pathsTo(path)] })),
    },
    {
      what: "an Ingress with a wildcard",
      reason: "RouteTaken",
      spec: json("/more", ingressFor({ rules: [{ host: host.replace(/^[^.]*/, "*"), ...pathsTo(path) }] })),
    },
    {
      what: "a regular expression",
      reason: "RouteTaken",
      spec: json(
        "/more",
        ingressFor({ rules: [{ host, ...pathsTo(`/(${path.slice(1, 4)}|x).*/.*`, "ImplementationSpecific") }] }),
      ),
    },
    {
      what: "a default backend",
      reason: "RouteTaken",
      spec: json("/more", ingressFor({ defaultBackend: toMallory })),
    },
    {
      what: "a privileged container",
      reason: "PodSecurity",
      spec: json(`${POD}/containers/0/securityContext/privileged`, true),
    },
    { what: "the node's processes", reason: "PodSecurity", spec: json(`${POD}/hostPID`, true) },
    {
      what: "the node's files",
      reason: "PodSecurity",
      spec: json(`${POD}/volumes/-`, { name: "node", hostPath: { path: "/" } }),
    },
    {
      what: "the nodes, by a priority above everything else",
      reason: "NotAllowed",
      spec: { jupyterServer: { priorityClassName: "system-node-critical" } },
    },
    {
      what: "her host, by a certificate for it",
      reason: "RouteTaken",
      spec: {
        ...json("/more", ingressFor({ rules: [{ host: "b.example.com", ...pathsTo("/") }], tls: [{ hosts: [host] }] })),
      },
    },
    {
      what: "her host, by a certificate for every host of the domain",
      reason: "RouteTaken",
      spec: json(
        "/more",
        ingressFor({
          rules: [{ host: host.replace(/^[^.]*/, "b"), ...pathsTo("/") }],
          tls: [{ hosts: [host.replace(/^[^.]*/, "*")] }],
        }),
      ),
    },
    {
      what: "her host, by a Secret with a certificate for it",
      reason: "RouteTaken",
      spec: json("/more", aTlsSecret(["b.example.com", host])),
    },
    {
      what: "her host, by a Secret with a certificate for a wildcard",
      reason: "RouteTaken",
      spec: json("/more", aTlsSecret([host.replace(/^[^.]*/, "*")])),
    },
    {
      what: "her route in percent codes",
      reason: "InvalidChild",
      spec: json("/more", ingressFor({ rules: [{ host, ...pathsTo(path.replace(/[a-z]/, percentCode)) }] })),
    },
    {
      what: "her route by way of another path",
      reason: "InvalidChild",
      spec: json("/more", ingressFor({ rules: [{ host, ...pathsTo(`/q/..${path}`) }] })),
    },
    { what: "a load balancer", reason: "NotAllowed", spec: json("/service/spec/type", "LoadBalancer") },
    { what: "any address", reason: "NotAllowed", spec: json("/service/spec/externalIPs", ["192.0.2.1"]) },
    {
      what: "her Service under another name",
      reason: "NotAllowed",
      spec: json("/more", {
        ...{ apiVersion: "v1", kind: "Service", metadata: {} },
        spec: { type: "ExternalName", externalName: `${name}.${namespace}.svc.cluster.local` },
      }),
    },
    {
      what: "pods with her labels",
      reason: "InvalidChild",
      spec: json("/more", statefulSetFor({ app: name, "amalthea.dev/parent-name": name })),
    },
    {
      what: "her pod's labels",
      reason: "InvalidChild",
      spec: json("/statefulset/spec/template/metadata/labels/app", name),
    },
    { what: "her pods as her Service's", reason: "InvalidChild", spec: json("/service/spec/selector", { app: name }) },
    {
      what: "a pod that its StatefulSet releases",
      reason: "InvalidChild",
      spec: json("/more", statefulSetFor({ zz: "2", "statefulset.kubernetes.io/pod-name": "nobody" })),
    },
    {
      what: "a pod that its StatefulSet never keeps",
      reason: "InvalidChild",
      spec: json(
        "/more",
        statefulSetFor(
          { zz: "2" },
          {
            matchLabels: { zz: "2" },
            matchExpressions: [{ key: "controller-revision-hash", operator: "DoesNotExist" }],
          },
        ),
      ),
    },
    {
      what: "a server whose pod outlives it",
      reason: "InvalidChild",
      spec: { patches: [merge({ statefulset: statefulSetSelecting({ "apps.kubernetes.io/pod-index": "7" }) })] },
    },
    { what: "an object in her namespace", reason: "InvalidChild", spec: json("/more", configMap({ namespace })) },
    { what: "a child in her namespace", reason: "InvalidChild", spec: json("/service/metadata/namespace", namespace) },
    {
      what: "an object with another owner",
      reason: "InvalidChild",
      spec: json("/more", configMap({ ownerReferences: [] })),
    },
    {
      what: "a child that stays",
      reason: "InvalidChild",
      spec: json("/service/metadata/finalizers", ["a.example.org/b"]),
    },
    {
      what: "an object that stays",
      reason: "InvalidChild",
      spec: json("/more", configMap({ finalizers: ["a.example.org/b"] })),
    },
    { what: "rights", reason: "ChildKindRefused", spec: json("/more", roleBinding) },
    {
      what: "the rights of a service account",
      reason: "NotAllowed",
      refusedBy: "policy.serviceAccounts",
      spec: json("/more", {
        ...{ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/service-account-token" },
        metadata: { annotations: { "kubernetes.io/service-account.name": "default" } },
      }),
    },
    {
      what: "endpoints",
      reason: "ChildKindRefused",
      spec: json("/more", { apiVersion: "v1", kind: "Endpoints", metadata: { name } }),
    },
    ...HOSTILE_PATCHES.map(({ what, patches, reason }) => ({ what: `by ${what} anything`, reason, spec: { patches } })),
  ];
}
