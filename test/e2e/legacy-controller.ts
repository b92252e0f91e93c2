import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Kind, kindOf, kinds, type KubeClient, type KubeObject, type Live } from "@amalthea/kube";
import { SERVER_KIND } from "../../controller/src/kinds.ts";
import { tlsSecret } from "./tls-secret.ts";

/** Legacy servers (0.24) that are kept as fixtures; test/fixtures/0.24/README.md says what each shows. */
export const FIXTURES = [
  "token-volume",
  "token-generated",
  "asleep",
  "hibernated",
  "oidc-inline",
  "oidc-patched",
  "failed",
  "half-created",
  "no-host",
  "terminating",
] as const;

export type Fixture = (typeof FIXTURES)[number];

/** Namespace of every fixture. */
export const NAMESPACE = "sessions";

/** Host of every server among the fixtures. */
export const HOST = "hub.example.org";

/** Field manager of the legacy controller (0.24). */
const LEGACY_MANAGER = { fieldManager: "kopf" } as const;

const never = new AbortController().signal;

/** 0.24's CustomResourceDefinition, which has no status subresource. */
export function legacyCrd(): object {
  return readFixture("crd") as object;
}

function readFixture(name: string): unknown {
  const path = fileURLToPath(new URL(`../fixtures/0.24/${name}.json`, import.meta.url));
  return JSON.parse(readFileSync(path, "utf8"));
}

export type LoadOptions = {
  readonly client: KubeClient;
  /** Issuers to put in place of the one that the fixtures name, by fixture. */
  readonly issuers?: Partial<Readonly<Record<Fixture, string>>>;
  /** In place of `NAMESPACE`, in names and paths. */
  readonly namespace?: string;
  /** Whether the installed CRD has a status subresource, as ours has and 0.24's has not. */
  readonly hasStatusSubresource?: boolean;
};

/** Where the fixtures say that the provider is. */
const ISSUER = "http://10.243.0.1:4000";

/**
 * Puts a server and its children into a cluster as 0.24 left them: under its field manager, with its status,
 * finalizer and annotations. Pods come from the StatefulSet.
 */
export async function loadFixture(fixture: Fixture, options: LoadOptions): Promise<void> {
  const { client, issuers = {}, namespace = NAMESPACE, hasStatusSubresource = false } = options;
  const text = JSON.stringify(readFixture(fixture))
    .replaceAll(ISSUER, issuers[fixture] ?? ISSUER)
    .replaceAll(NAMESPACE, namespace);
  const { items } = JSON.parse(text) as { items: readonly KubeObject[] };
  const [old, ...children] = items.filter(({ kind }) => kind !== "Pod");
  if (old?.metadata?.uid === undefined) throw new Error(`the fixture ${fixture} has no server`);
  const server = await create(client, SERVER_KIND, old);
  const uids = new Map([[old.metadata.uid, server.metadata.uid]]);
  for (const child of children) {
    const kind = kindOf({ apiVersion: child.apiVersion ?? "", kind: child.kind ?? "" });
    if (kind === undefined) throw new Error(`the fixture ${fixture} has a ${child.kind}, which is not known`);
    const made = await create(client, kind, renamed(child, uids));
    uids.set(child.metadata?.uid ?? "", made.metadata.uid);
  }
  await writeStatusAsItWas(renamed(old, uids), server, hasStatusSubresource, client);
  if (old.metadata.deletionTimestamp !== undefined) await client.remove(SERVER_KIND, server.metadata, {}, never);
}

/** 0.24's statuses hold nulls. A merge patch would drop them, and with them what an upgraded controller has to cope with. */
async function writeStatusAsItWas(
  { status }: KubeObject & { readonly status?: unknown },
  { metadata }: Live,
  hasStatusSubresource: boolean,
  client: KubeClient,
): Promise<void> {
  const write = { ...LEGACY_MANAGER, ...(hasStatusSubresource ? { subresource: "status" as const } : {}) };
  const operations = [{ op: "add", path: "/status", value: status }];
  const stored = await client.patch(SERVER_KIND, metadata, { kind: "Json", operations }, write, never);
  const kept = JSON.stringify((stored as { readonly status?: unknown }).status);
  if (nullsIn(kept) !== nullsIn(JSON.stringify(status))) throw new Error(`${metadata.name} lost nulls of its status`);
}

function nullsIn(json: string): number {
  return json.split(":null").length - 1;
}

/** The Secrets that the users of `oidc-patched` and `oidc-inline` made beside them. */
export async function makeReferencedSecrets(client: KubeClient): Promise<void> {
  const metadata = { name: "idp-client", namespace: NAMESPACE };
  const stringData = { "client-secret": "from-a-secret" };
  const { secret } = await tlsSecret("hub-tls", NAMESPACE, [HOST]);
  for (const each of [{ apiVersion: "v1", kind: "Secret", metadata, stringData }, secret]) {
    await client.create(kinds.Secret, each, {}, never);
  }
}

async function create(client: KubeClient, kind: Kind, object: KubeObject): Promise<Live> {
  return await client.create(kind, withoutServerFields(object), LEGACY_MANAGER, never);
}

/** Owner references, labels and selectors contain uids, which differ in a new cluster. */
function renamed(object: KubeObject, uids: ReadonlyMap<string, string>): KubeObject {
  let text = JSON.stringify(object);
  for (const [before, after] of uids) text = text.replaceAll(before, after);
  return JSON.parse(text) as KubeObject;
}

/** What an API server, a volume's provisioner or a controller of Kubernetes put there, and will put there again. */
function withoutServerFields(object: KubeObject): KubeObject {
  const { apiVersion, kind, metadata = {}, spec, status, ...rest } = object as unknown as Loose; // of whatever kind
  const { name, namespace, labels, annotations = {}, finalizers = [], ownerReferences } = metadata;
  const ours = Object.entries(annotations).filter(([key]) => !/^(pv|volume(\.beta)?)\.kubernetes\.io\//.test(key));
  return {
    apiVersion,
    kind,
    metadata: {
      ...{ name, namespace, labels, ownerReferences, annotations: Object.fromEntries(ours) },
      finalizers: finalizers.filter((finalizer) => finalizer !== "kubernetes.io/pvc-protection"),
    },
    ...rest,
    ...(spec === undefined ? {} : { spec: withoutBinding(spec) }),
    // A child's status is a subresource; the server's was a field of the object.
    ...(kind === SERVER_KIND.kind ? { status } : {}),
  } as KubeObject;
}

type Loose = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly [field: string]: unknown;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: unknown;
};

/** A claim gets another volume; whether a Service has a cluster IP is up to its author. */
function withoutBinding({
  volumeName: _volume,
  clusterIPs: _addresses,
  ...spec
}: Readonly<Record<string, unknown>>): object {
  return spec;
}
