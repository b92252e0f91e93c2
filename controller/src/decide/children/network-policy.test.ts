import { BlockList } from "node:net";
import { PORTS } from "@amalthea/api";
import type { LabelSelector } from "kubernetes-types/meta/v1.js";
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "kubernetes-types/networking/v1.js";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import { describe, expect, it } from "vitest";
import type { NetworkPolicySettings } from "../settings.ts";
import { decide } from "../testing/simulated-world.ts";
import { anObserved, aServer, someSettings, type ServerOptions } from "../testing/builders.ts";

// What a network plugin makes of a policy, by the words of the Kubernetes API reference.

type Labels = Readonly<Record<string, string>>;

/** Who is at the other end: a pod, or an address outside of the cluster. */
type End = { readonly pod: Labels; readonly namespace: Labels } | { readonly address: string };

type Rule = { readonly peers: NetworkPolicyPeer[] | undefined; readonly ports: NetworkPolicyPort[] | undefined };

const OWN_NAMESPACE: Labels = { "kubernetes.io/metadata.name": "sessions" };

/** A server's policy and pod, as its manifests say. */
class Guarded {
  readonly #policy: NetworkPolicy;
  readonly #statefulSet: StatefulSet;

  constructor(settings: Partial<NetworkPolicySettings>, options: ServerOptions = {}) {
    const networkPolicy = { ...someSettings().networkPolicy, ...settings };
    const { plan } = decide(anObserved({ server: aServer(options) }), someSettings({ networkPolicy }));
    const manifest = (key: string): unknown =>
      plan.flatMap((action) => (action.kind === "Apply" && action.childKey === key ? [action.manifest] : []))[0];
    this.#policy = manifest("networkpolicy") as NetworkPolicy;
    this.#statefulSet = manifest("statefulset") as StatefulSet;
  }

  get podLabels(): Labels {
    return this.#statefulSet.spec?.template.metadata?.labels ?? {};
  }

  guards(labels: Labels): boolean {
    return selects(this.#policy.spec?.podSelector, labels);
  }

  lets(direction: "in" | "out", end: End, port: number): boolean {
    const { spec } = this.#policy;
    if (spec === undefined || spec.policyTypes?.includes(direction === "in" ? "Ingress" : "Egress") !== true)
      return true;
    const rules: readonly Rule[] =
      direction === "in"
        ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
        : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
    return rules.some(
      ({ peers, ports }) =>
        (peers === undefined || peers.length === 0 || peers.some((peer) => isPeer(peer, end))) &&
        (ports === undefined || ports.length === 0 || ports.some((allowed) => this.#numberOf(allowed) === port)),
    );
  }

  /** A name stands for the port that a container of the pod calls so. */
  #numberOf({ port }: NetworkPolicyPort): number | undefined {
    if (typeof port === "number") return port;
    const containers = this.#statefulSet.spec?.template.spec?.containers ?? [];
    return containers.flatMap(({ ports = [] }) => ports).find(({ name }) => name === port)?.containerPort;
  }
}

function isPeer({ ipBlock, namespaceSelector, podSelector }: NetworkPolicyPeer, end: End): boolean {
  if ("address" in end) {
    return (
      ipBlock !== undefined &&
      isIn(ipBlock.cidr, end.address) &&
      !ipBlock.except?.some((cidr) => isIn(cidr, end.address))
    );
  }
  if (ipBlock !== undefined) return false;
  const isThere =
    namespaceSelector === undefined ? end.namespace === OWN_NAMESPACE : selects(namespaceSelector, end.namespace);
  return isThere && (podSelector === undefined || selects(podSelector, end.pod));
}

function isIn(cidr: string, address: string): boolean {
  const [network = "", prefix] = cidr.split("/");
  const block = new BlockList();
  block.addSubnet(network, Number(prefix));
  return block.check(address);
}

function selects(selector: LabelSelector | undefined, labels: Labels): boolean {
  return Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

const INGRESS_CONTROLLER: End = { pod: { app: "traefik" }, namespace: { "kubernetes.io/metadata.name": "ingress" } };
const NEIGHBOUR: End = { pod: { app: "bob" }, namespace: OWN_NAMESPACE };
const STRANGER: End = { pod: { app: "web" }, namespace: { "kubernetes.io/metadata.name": "shop" } };
const INTERNET: End = { address: "93.184.215.14" };
const PRIVATE: End = { address: "10.1.2.3" };

const FROM_INGRESS = {
  ingressFrom: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ingress" } } }],
};
const TO_INTERNET = { egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["10.0.0.0/8"] } }] }] };

const CONTROLLER = {
  pod: { "app.kubernetes.io/name": "amalthea", "app.kubernetes.io/component": "controller" },
  namespace: { "kubernetes.io/metadata.name": "amalthea" },
};
const IMPOSTOR = { ...CONTROLLER, namespace: OWN_NAMESPACE };
const peerOf = ({ pod, namespace }: typeof CONTROLLER): object => ({
  podSelector: { matchLabels: pod },
  namespaceSelector: { matchLabels: namespace },
});

const TOKEN: ServerOptions = {};
const LOGIN: ServerOptions = {
  oidc: {
    enabled: true,
    issuerUrl: "https://login.example.org",
    clientId: "jupyter",
    clientSecret: { value: "secret" },
    allowAnyUser: true,
  },
  routing: { tls: { enabled: true } },
};

/** One that 0.24 created. */
const legacy = (options: ServerOptions): ServerOptions => ({
  ...options,
  metadata: { annotations: { "amalthea.dev/taken-over-at": "2026-03-01T12:00:00Z" } },
});

describe("the network policy of a server", () => {
  it.each([
    {
      settings: {},
      server: TOKEN,
      what: "anybody in to Jupyter, which asks for the token",
      end: STRANGER,
      port: PORTS.jupyter,
      lets: true,
    },
    {
      settings: {},
      server: TOKEN,
      what: "nobody in to what a user starts beside it",
      end: NEIGHBOUR,
      port: 5000,
      lets: false,
    },
    { settings: {}, server: LOGIN, what: "anybody in to the login", end: STRANGER, port: PORTS.authProxy, lets: true },
    {
      settings: {},
      server: LOGIN,
      what: "people from outside in to the login",
      end: INTERNET,
      port: PORTS.authProxy,
      lets: true,
    },
    {
      settings: {},
      server: LOGIN,
      what: "nobody in to Jupyter behind the login",
      end: NEIGHBOUR,
      port: PORTS.jupyter,
      lets: false,
    },
    {
      settings: {},
      server: LOGIN,
      what: "nobody in to the service that knows who may enter",
      end: NEIGHBOUR,
      port: PORTS.authorization,
      lets: false,
    },
    {
      settings: FROM_INGRESS,
      server: TOKEN,
      what: "the ingress controller in",
      end: INGRESS_CONTROLLER,
      port: PORTS.jupyter,
      lets: true,
    },
    {
      settings: FROM_INGRESS,
      server: TOKEN,
      what: "no other server in, once peers are named",
      end: NEIGHBOUR,
      port: PORTS.jupyter,
      lets: false,
    },
    {
      settings: FROM_INGRESS,
      server: TOKEN,
      what: "nobody from outside in, once peers are named",
      end: INTERNET,
      port: PORTS.jupyter,
      lets: false,
    },
    {
      settings: FROM_INGRESS,
      server: LOGIN,
      what: "the named peers in to the login alone",
      end: INGRESS_CONTROLLER,
      port: PORTS.jupyter,
      lets: false,
    },
  ])("lets $what: $lets", ({ settings, server, end, port, lets }) => {
    expect(new Guarded(settings, server).lets("in", end, port)).toBe(lets);
  });

  it.each([
    {
      server: LOGIN,
      who: "the controller to where it is told of the activity",
      end: CONTROLLER,
      port: PORTS.activity,
      lets: true,
    },
    { server: LOGIN, who: "no other server there", end: NEIGHBOUR, port: PORTS.activity, lets: false },
    { server: LOGIN, who: "nobody from outside there", end: INTERNET, port: PORTS.activity, lets: false },
    {
      server: LOGIN,
      who: "a pod elsewhere that calls itself the controller",
      end: IMPOSTOR,
      port: PORTS.activity,
      lets: false,
    },
    { server: LOGIN, who: "the controller to nothing else", end: CONTROLLER, port: PORTS.jupyter, lets: false },
    { server: TOKEN, who: "the controller to Jupyter", end: CONTROLLER, port: PORTS.jupyter, lets: true },
    { server: TOKEN, who: "no pod that calls itself the controller", end: IMPOSTOR, port: PORTS.jupyter, lets: false },
    {
      server: legacy(LOGIN),
      who: "the controller to Jupyter of 0.24's pod",
      end: CONTROLLER,
      port: PORTS.jupyter,
      lets: true,
    },
    { server: legacy(TOKEN), who: "the same without a login", end: CONTROLLER, port: PORTS.jupyter, lets: true },
    { server: legacy(LOGIN), who: "nobody else to it", end: NEIGHBOUR, port: PORTS.jupyter, lets: false },
    {
      server: legacy(LOGIN),
      who: "no pod that calls itself the controller",
      end: IMPOSTOR,
      port: PORTS.jupyter,
      lets: false,
    },
  ])("lets, where peers are named, $who: $lets", ({ server, end, port, lets }) => {
    const settings = { ...FROM_INGRESS, controller: [peerOf(CONTROLLER)] };
    expect(new Guarded(settings, server).lets("in", end, port)).toBe(lets);
  });

  it.each([
    { settings: {}, what: "to the Internet", end: INTERNET, lets: true },
    { settings: {}, what: "to private addresses", end: PRIVATE, lets: true },
    {
      settings: FROM_INGRESS,
      what: "to the Internet, although peers are named for the way in",
      end: INTERNET,
      lets: true,
    },
    { settings: TO_INTERNET, what: "to the Internet, once it is named", end: INTERNET, lets: true },
    { settings: TO_INTERNET, what: "to private addresses, once only others are named", end: PRIVATE, lets: false },
    { settings: TO_INTERNET, what: "to other servers, once only others are named", end: NEIGHBOUR, lets: false },
  ])("lets the server out $what: $lets", ({ settings, end, lets }) => {
    expect(new Guarded(settings).lets("out", end, 443)).toBe(lets);
  });

  it("guards the server's own pod, and no other's", () => {
    const alice = new Guarded({});
    const other = { name: "alice", uid: "22222222-2222-4222-8222-222222222222" };
    expect(alice.guards(alice.podLabels)).toBe(true);
    expect(alice.guards(new Guarded({}, { metadata: { ...aServer().metadata, ...other } }).podLabels)).toBe(false);
  });

  it("names the port by its container, so that the way in is open where the pod listens", () => {
    const ports = [TOKEN, LOGIN].map((server) =>
      [PORTS.jupyter, PORTS.authProxy].map((port) => new Guarded({}, server).lets("in", STRANGER, port)),
    );
    expect(ports).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it("lets the same peers in to the ports that the spec adds, and nobody to others", () => {
    const ports = { jupyterServer: { extraPorts: [{ name: "dashboard", containerPort: 8787 }] } };
    for (const server of [ports, { ...LOGIN, ...ports }]) {
      const guarded = new Guarded(FROM_INGRESS, server);
      expect(guarded.lets("in", INGRESS_CONTROLLER, 8787)).toBe(true);
      expect(guarded.lets("in", NEIGHBOUR, 8787)).toBe(false);
      expect(guarded.lets("in", INGRESS_CONTROLLER, 5000)).toBe(false);
    }
  });
});
