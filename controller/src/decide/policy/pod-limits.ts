import { isObject, listOf, objectOf, valueAt, type JsonObject } from "../values/json.ts";
import { parseQuantity } from "../values/quantity.ts";
import type { PodParts } from "./pod-security.ts";
import { matchesAny } from "../values/pattern.ts";
import type { PolicySettings } from "./policy-settings.ts";

/** Something that the administrator's settings do not allow. */
export type Excess = {
  /** Path in the child. */
  readonly field: string;
  /** What is wrong with it. */
  readonly detail: string;
  /** Chart value that would allow it, below `policy`. */
  readonly setting: string;
};

/** What belongs to the controller in a pod, and is therefore not limited. */
export type OwnParts = {
  /** Names of Secrets that belong to the server itself. */
  readonly secrets: ReadonlySet<string>;
  /** The containers that the controller adds, by name; what they have beyond these resources is the user's. */
  readonly containers: Readonly<Record<string, { readonly image: string; readonly resources: unknown }>>;
};

type Limits = Pick<PolicySettings, "serviceAccounts" | "priorityClasses" | "secrets" | "images" | "maxResources">;

/** What a pod has that the limits do not allow. */
export function podExcesses(pod: PodParts, limits: Limits, own: OwnParts): readonly Excess[] {
  const spec = objectOf(pod.spec);
  const containers = containersOf(spec, own);
  return [
    ...accountExcess(spec, limits),
    ...priorityExcess(spec, limits),
    ...secretExcesses(spec, limits, own),
    ...imageExcesses(spec, containers, limits),
    ...resourceExcesses(spec, containers, limits),
    ...volumeExcesses(spec, limits),
  ];
}

/** A container; `isAlone`: what it asks for is not added to what the others ask for; `own`: it is one of ours. */
type Listed = {
  readonly at: string;
  readonly container: Readonly<JsonObject>;
  readonly isAlone: boolean;
  readonly own: OwnParts["containers"][string] | undefined;
};

function containersOf(spec: Readonly<JsonObject>, own: OwnParts): readonly Listed[] {
  return ["initContainers", "containers"].flatMap((list) =>
    listOf(spec[list]).map((container) => ({
      at: `spec.${list}[${textOf(valueAt(container, "name"))}]`,
      container: objectOf(container),
      own: ownContainer(objectOf(container), own),
      // An init container that always restarts runs beside the others.
      isAlone: list === "initContainers" && valueAt(container, "restartPolicy") !== "Always",
    })),
  );
}

/** With an image other than ours, a container of that name is the user's. */
function ownContainer({ name, image }: Readonly<JsonObject>, { containers }: OwnParts): Listed["own"] {
  const own = typeof name === "string" && Object.hasOwn(containers, name) ? containers[name] : undefined;
  return own?.image === image ? own : undefined;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function accountExcess(spec: Readonly<JsonObject>, { serviceAccounts }: Limits): readonly Excess[] {
  return ["serviceAccountName", "serviceAccount"].flatMap((key) => {
    const name = textOf(spec[key]);
    if (name === "" || name === "default" || matchesAny(name, serviceAccounts)) return [];
    return [{ field: `spec.${key}`, detail: `the service account ${name} is not allowed`, setting: "serviceAccounts" }];
  });
}

/** Kubernetes reserves this prefix for critical components: such a pod preempts any other, of any namespace. */
const SYSTEM_CLASS = "system-";

function priorityExcess(spec: Readonly<JsonObject>, { priorityClasses }: Limits): readonly Excess[] {
  const name = textOf(spec["priorityClassName"]);
  const allowed = name.startsWith(SYSTEM_CLASS)
    ? priorityClasses.filter((pattern) => pattern.startsWith(SYSTEM_CLASS))
    : priorityClasses;
  if (name === "" || matchesAny(name, allowed)) return [];
  const detail = `the priority class ${name} is not allowed`;
  return [{ field: "spec.priorityClassName", detail, setting: "priorityClasses" }];
}

function secretExcesses(spec: Readonly<JsonObject>, { secrets }: Limits, own: OwnParts): readonly Excess[] {
  return secretReferences(spec, "spec", 0)
    .filter(({ name }) => !own.secrets.has(name) && !matchesAny(name, secrets))
    .map(({ field, name }) => ({ field, detail: `the Secret ${name} may not be referred to`, setting: "secrets" }));
}

type Reference = { readonly field: string; readonly name: string };

/** Keys below which Kubernetes has a reference to a Secret with a `name`. */
const REFERENCES: ReadonlySet<string> = new Set([
  ...["secretRef", "secretKeyRef", "nodePublishSecretRef", "secret", "imagePullSecrets"],
]);

/** How deep a pod has references: `spec.volumes[].projected.sources[].secret` and the like. */
const MAX_DEPTH = 12;

/** Every reference to a Secret in a pod, whatever kind of volume, variable or credential it is for. */
function secretReferences(value: unknown, field: string, depth: number): readonly Reference[] {
  if (depth > MAX_DEPTH) return [];
  if (Array.isArray(value)) {
    return value.flatMap((part: unknown, index) =>
      secretReferences(part, `${field}[${textOf(valueAt(part, "name")) || index}]`, depth + 1),
    );
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, part]) => {
    const at = `${field}.${key}`;
    if (key === "secretName" && typeof part === "string") return [{ field: at, name: part }];
    return [...(REFERENCES.has(key) ? namesIn(part, at) : []), ...secretReferences(part, at, depth + 1)];
  });
}

function namesIn(part: unknown, at: string): readonly Reference[] {
  return (Array.isArray(part) ? (part as unknown[]) : [part]).flatMap((reference) => {
    const name = valueAt(reference, "name");
    return typeof name === "string" && name !== "" ? [{ field: `${at}.name`, name }] : [];
  });
}

function imageExcesses(
  spec: Readonly<JsonObject>,
  containers: readonly Listed[],
  { images }: Limits,
): readonly Excess[] {
  const ofContainers = containers
    .filter(({ own }) => own === undefined)
    .map(({ at, container }) => ({ field: `${at}.image`, image: container["image"] }));
  const ofVolumes = listOf(spec["volumes"])
    .filter((volume) => isObject(valueAt(volume, "image")))
    .map((volume) => ({
      field: `spec.volumes[${textOf(valueAt(volume, "name"))}].image.reference`,
      image: valueAt(volume, "image", "reference"),
    }));
  return [...ofContainers, ...ofVolumes]
    .filter(({ image }) => !matchesAny(textOf(image), images))
    .map(({ field, image }) => ({ field, detail: `the image ${textOf(image)} is not allowed`, setting: "images" }));
}

function resourceExcesses(
  spec: Readonly<JsonObject>,
  containers: readonly Listed[],
  { maxResources }: Limits,
): readonly Excess[] {
  return Object.entries(maxResources)
    .filter(([resource]) => resource !== STORAGE)
    .flatMap(([resource, most]) => [
      ...unlimited(containers, resource, most),
      ...["requests", "limits"].flatMap((side) => tooMuch(spec, containers, resource, { side, most })),
    ]);
}

/** Resources that a container without a limit uses freely; of every other one it gets none. */
const COMPRESSIBLE: readonly string[] = ["cpu", "memory", "ephemeral-storage"];

const STORAGE = "storage";

function unlimited(containers: readonly Listed[], resource: string, most: string): readonly Excess[] {
  if (!COMPRESSIBLE.includes(resource)) return [];
  return containers
    .filter(({ container }) => isNone(valueAt(container, "resources", "limits", resource)))
    .filter(({ own }) => own === undefined || !isNone(valueAt(own.resources, "limits", resource)))
    .map(({ at }) => ({
      field: `${at}.resources.limits.${resource}`,
      detail: `a limit is required; a pod may have at most ${most}`,
      setting: `maxResources.${resource}`,
    }));
}

function isNone(value: unknown): boolean {
  return value === undefined || value === null;
}

function tooMuch(
  spec: Readonly<JsonObject>,
  containers: readonly Listed[],
  resource: string,
  { side, most }: { readonly side: string; readonly most: string },
): readonly Excess[] {
  // The API server refuses invalid quantities.
  const amountOf = (resources: unknown): bigint => parseQuantity(valueAt(resources, side, resource)) ?? 0n;
  // Ours are small and not counted as the user's, unless a field or a patch enlarged one.
  const countedOf = ({ container, own }: Listed): bigint => {
    const amount = amountOf(container["resources"]);
    return own !== undefined && amount <= amountOf(own.resources) ? 0n : amount;
  };
  const running = containers.filter(({ isAlone }) => !isAlone).reduce((sum, one) => sum + countedOf(one), 0n);
  const alone = containers.filter(({ isAlone }) => isAlone).map(countedOf);
  const limit = parseQuantity(most) ?? 0n;
  if (![running, amountOf(spec["resources"]), ...alone].some((amount) => amount > limit)) return [];
  const detail = `a pod may have at most ${most}`;
  return [{ field: `spec.containers[*].resources.${side}.${resource}`, detail, setting: `maxResources.${resource}` }];
}

function volumeExcesses(spec: Readonly<JsonObject>, limits: Limits): readonly Excess[] {
  return listOf(spec["volumes"]).flatMap((volume) => {
    const at = `spec.volumes[${textOf(valueAt(volume, "name"))}]`;
    return [
      ...storageExcess(valueAt(volume, "emptyDir", "sizeLimit"), `${at}.emptyDir.sizeLimit`, limits),
      ...storageExcess(
        valueAt(volume, "ephemeral", "volumeClaimTemplate", "spec", "resources", "requests", STORAGE),
        `${at}.ephemeral.volumeClaimTemplate.spec.resources.requests.storage`,
        limits,
      ),
    ];
  });
}

/** What is wrong with the size of one volume. */
export function storageExcess(
  size: unknown,
  field: string,
  { maxResources }: Pick<PolicySettings, "maxResources">,
): readonly Excess[] {
  const most = maxResources[STORAGE];
  const amount = parseQuantity(size);
  if (most === undefined || amount === undefined || amount <= (parseQuantity(most) ?? 0n)) return [];
  return [{ field, detail: `a volume may have at most ${most}`, setting: "maxResources.storage" }];
}
