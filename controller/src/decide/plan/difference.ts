import { isObject } from "../values/json.ts";
import { isSameQuantity } from "../values/quantity.ts";

/**
 * The first place, as a dotted path, where a live object lacks or contradicts what is desired; undefined if it has it all.
 *
 * What the live object has in addition is somebody else's. Lists that Kubernetes merges by a key are compared by that key,
 * all others item by item. An empty value counts as absent, because the API server does not store it, and quantities
 * are compared by amount.
 */
export function firstDifference(desired: unknown, live: unknown): string | undefined {
  return differ(desired, live, []);
}

/**
 * Keys by which server-side apply merges the lists of these names; every other list is replaced as a whole.
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
 */
const LIST_KEYS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    containers: ["name"],
    initContainers: ["name"],
    volumes: ["name"],
    env: ["name"],
    imagePullSecrets: ["name"],
    volumeMounts: ["mountPath"],
    volumeDevices: ["devicePath"],
    ports: ["containerPort", "port", "protocol"],
    hostAliases: ["ip"],
    topologySpreadConstraints: ["topologyKey", "whenUnsatisfiable"],
    resourceClaims: ["name"],
    ownerReferences: ["uid"],
  }),
);

/** Fields whose empty or false value the API server does store, where it means something else than absence. */
const KEPT_WHEN_EMPTY: ReadonlySet<string> = new Set([
  "replicas",
  "automountServiceAccountToken",
  "enableServiceLinks",
  "allowPrivilegeEscalation",
  "runAsNonRoot",
  "readOnlyRootFilesystem",
  "storageClassName",
]);

/** Fields whose values, or the values below which, are quantities. */
const QUANTITIES: ReadonlySet<string> = new Set(["limits", "requests", "sizeLimit", "capacity", "hard", "divisor"]);

/** Defaulted by the API server; a list's key may leave it out. */
const DEFAULTS: Readonly<Record<string, unknown>> = { protocol: "TCP" };

type Path = readonly string[];

function differ(desired: unknown, live: unknown, path: Path): string | undefined {
  if (desired === null || desired === undefined) return undefined;
  if (live === undefined || live === null) return isAbsent(desired, path) ? undefined : path.join(".");
  if (Array.isArray(desired)) return differInList(desired, live, path);
  if (isObject(desired)) return differInObject(desired, live, path);
  if (desired === live || isEqualScalar(desired, live, path)) return undefined;
  return path.join(".");
}

function differInObject(desired: Readonly<Record<string, unknown>>, live: unknown, path: Path): string | undefined {
  if (!isObject(live)) return path.join(".");
  for (const [key, value] of Object.entries(desired)) {
    const difference = differ(value, Object.hasOwn(live, key) ? live[key] : undefined, [...path, key]);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function differInList(desired: readonly unknown[], live: unknown, path: Path): string | undefined {
  if (!Array.isArray(live)) return path.join(".");
  const keys = LIST_KEYS.get(path.at(-1) ?? "");
  if (keys === undefined && desired.length !== live.length) return path.join(".");
  for (const [index, item] of desired.entries()) {
    const counterpart: unknown =
      keys === undefined ? live[index] : live.find((other) => hasSameKeys(item, other, keys));
    const difference = differ(item, counterpart, [
      ...path,
      keys === undefined ? String(index) : label(item, keys, index),
    ]);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function hasSameKeys(left: unknown, right: unknown, keys: readonly string[]): boolean {
  if (!isObject(left) || !isObject(right)) return false;
  return keys.every((key) => (left[key] ?? DEFAULTS[key]) === (right[key] ?? DEFAULTS[key]));
}

function label(item: unknown, keys: readonly string[], index: number): string {
  const name = isObject(item) ? keys.map((key) => item[key]).find((value) => value !== undefined) : undefined;
  return typeof name === "string" || typeof name === "number" ? String(name) : String(index);
}

/** Whether the API server keeps nothing of a value, at whatever depth. */
function isAbsent(desired: unknown, path: Path): boolean {
  if (desired === null) return true;
  if (isObject(desired)) return Object.entries(desired).every(([key, value]) => isAbsent(value, [...path, key]));
  if (Array.isArray(desired)) return desired.length === 0;
  return (desired === "" || desired === false || desired === 0) && !KEPT_WHEN_EMPTY.has(path.at(-1) ?? "");
}

function isEqualScalar(desired: unknown, live: unknown, path: Path): boolean {
  const isQuantity = QUANTITIES.has(path.at(-1) ?? "") || QUANTITIES.has(path.at(-2) ?? "");
  return isQuantity && isSameQuantity(desired, live);
}
