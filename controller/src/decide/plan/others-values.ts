import { ANNOTATIONS, type JupyterServer } from "@amalthea/api";
import { policyOf } from "../children/server-policy.ts";
import type { Desired, Rendered } from "../children/desired.ts";
import type { DesiredChild } from "../children/desired-child.ts";
import {
  containerFields,
  containersByPath,
  pathKey,
  withYieldingValues,
  type YieldingField,
  type Yields,
} from "../children/yielding-fields.ts";
import type { Action } from "../decision.ts";
import type { Warning } from "../facts.ts";
import { findLive, liveStatefulSet, podSpecOf, serverTarget } from "../live/child.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import { annotationPath, patchMetadata } from "../metadata-patch.ts";
import { judge } from "../policy/policy.ts";
import type { DecisionSettings } from "../settings.ts";
import { hasPatchesOfTakeover, isLegacy } from "../takeover/legacy.ts";
import { listOf, parseObject, valueAt } from "../values/json.ts";
import { firstDifference } from "./difference.ts";
import { circumstancesOf } from "./policy.ts";

/** On a server: what others wrote into a legacy StatefulSet, while that is replaced by the new one. */
const CARRIED_ANNOTATION = "amalthea.dev/carried-values";

/**
 * The desired children with what others wrote, since patches were last applied, where those yield to it; only as far as
 * the result is allowed. The hash of a child stays that of its patches: what others write is no reason to write.
 */
export function withOthersValues(observed: Observed, desired: Desired, settings: DecisionSettings): Desired {
  if (desired.kind === "Unrenderable") return desired;
  const changed = desired.children.map((child) => ({ child, values: othersValues(observed, child) }));
  const warnings: Warning[] = [];
  const children = changed.map(({ child, values }) => {
    if (values.length === 0) return child;
    const merged = { ...child, manifest: withYieldingValues(child.manifest, values) };
    if (!isAllowed(merged, observed, desired, settings)) return child;
    warnings.push({ kind: "ChangedByOthers", childKey: child.childKey, fields: values.map(fieldName) });
    return merged;
  });
  const unmarked = hasPatchesOfTakeover(observed.server);
  const secrets = desired.secrets.map((secret) => (unmarked ? { ...secret, keepsUnmarked: true as const } : secret));
  return { ...desired, children, secrets, warnings: [...desired.warnings, ...warnings] };
}

function isAllowed(
  merged: DesiredChild,
  observed: Observed,
  { secrets }: Rendered,
  settings: DecisionSettings,
): boolean {
  const owner = { server: observed.server, settings };
  return judge([merged], policyOf(owner, secrets, circumstancesOf(observed, settings))).problems.length === 0;
}

/** What others wrote into the yielding fields of a child since its patches were applied. */
function othersValues(observed: Observed, child: DesiredChild): readonly YieldingField[] {
  const { yields, manifest } = child;
  if (yields === undefined) return [];
  const live = findLive(observed, manifest);
  if (live === undefined) return child.childKey === "statefulset" ? carriedValues(observed.server, yields) : [];
  return isWrittenFrom(live, yields, observed.server) ? changedValues(yields.fields, live) : [];
}

/** Whether a live child was last written from the very patches, so that what differs was written by somebody else. */
function isWrittenFrom(live: LiveChild, { patchedHash }: Yields, server: JupyterServer): boolean {
  if (isLegacy(live)) return hasPatchesOfTakeover(server);
  return live.metadata.annotations?.[ANNOTATIONS.patchedHash] === patchedHash;
}

function changedValues(fields: readonly YieldingField[], live: LiveChild): readonly YieldingField[] {
  return live.kind === "ConfigMap" ? changedData(fields, live) : changedPod(fields, live);
}

/** A missing key is restored. */
function changedData(fields: readonly YieldingField[], live: LiveChild): readonly YieldingField[] {
  return fields
    .map(({ path, value }) => ({ path, value, other: valueAt(live, ...path) }))
    .filter(({ value, other }) => other !== undefined && other !== value)
    .map(({ path, other }) => ({ path, value: other }));
}

/** A missing container is restored. */
function changedPod(fields: readonly YieldingField[], live: LiveChild): readonly YieldingField[] {
  const containers = containersByPath(live);
  const spec = podSpecOf(live);
  const changed = fields
    .filter(({ path }) => path.length === 1 || containers.has(parentKey(path)))
    .map(({ path, value }) => ({
      path,
      value,
      other: valueAt(containers.get(parentKey(path)) ?? spec, path.at(-1) ?? ""),
    }))
    .filter(({ path, value, other }) => isChanged(live, path, value, other))
    .map(({ path, other }) => ({ path, value: other ?? null }));
  return [...changed, ...addedValues(fields, live, containers)];
}

/** What the API server sets in a container that does not have it. */
const DEFAULTED: ReadonlySet<string> = new Set([
  "imagePullPolicy",
  "terminationMessagePath",
  "terminationMessagePolicy",
]);

/** Fields of containers that patches do not have at all. */
function addedValues(
  fields: readonly YieldingField[],
  live: LiveChild,
  containers: ReadonlyMap<string, unknown>,
): readonly YieldingField[] {
  const known = new Set(fields.map(({ path }) => pathKey(path)));
  return containersOf(fields)
    .flatMap((path) => containerFields(path[0] ?? "", containers.get(pathKey(path))))
    .filter(({ path }) => !known.has(pathKey(path)) && !DEFAULTED.has(path[2] ?? ""))
    .filter(({ path, value }) => isChanged(live, path, null, value));
}

function parentKey(path: readonly string[]): string {
  return pathKey(path.slice(0, -1));
}

/** List and name of the containers that have yielding fields. */
function containersOf(fields: readonly YieldingField[]): readonly (readonly string[])[] {
  const parents = fields.filter(({ path }) => path.length === 3).map(({ path }) => path.slice(0, 2));
  return [...new Map(parents.map((parent) => [pathKey(parent), parent])).values()];
}

/** Whether a live value differs from the desired one; more items of a list do, other defaults do not. */
function isChanged({ apiVersion, kind }: LiveChild, path: readonly string[], value: unknown, other: unknown): boolean {
  const head = { apiVersion, kind };
  const [mine, theirs] = [
    { ...head, ...alone(path, value) },
    { ...head, ...alone(path, other) },
  ];
  if (firstDifference(mine, theirs) !== undefined) return true;
  if (value === null) return firstDifference(theirs, mine) !== undefined;
  return Array.isArray(value) && Array.isArray(other) && other.length > value.length;
}

/** An object that has nothing but a yielding field. */
function alone([head = "", key, field]: readonly string[], value: unknown): object {
  if (key === undefined) return { spec: { template: { spec: { [head]: value } } } };
  return { spec: { template: { spec: { [head]: [{ name: key, [field ?? ""]: value }] } } } };
}

function fieldName({ path }: YieldingField): string {
  const [head = "", key, field] = path;
  if (key === undefined) return `spec.template.spec.${head}`;
  return field === undefined ? `${head}.${key}` : `spec.template.spec.${head}[${key}].${field}`;
}

/** What was recorded before the legacy StatefulSet was removed, if the patches are still those. */
function carriedValues({ metadata }: JupyterServer, { fields, patchedHash }: Yields): readonly YieldingField[] {
  const record = parseObject(metadata.annotations?.[CARRIED_ANNOTATION] ?? "");
  if (record?.["patchedHash"] !== patchedHash) return [];
  const containers = new Set(containersOf(fields).map(pathKey));
  return listOf(record["values"])
    .map((entry) => ({ path: listOf(valueAt(entry, "path")).map(String), value: valueAt(entry, "value") ?? null }))
    .filter(({ path }) => isYieldingPath(path, containers));
}

/** Anybody who may write servers may write the record. */
function isYieldingPath(path: readonly string[], containers: ReadonlySet<string>): boolean {
  const [list = "", name, field] = path;
  if (path.length === 1) return list === "priorityClassName";
  if (path.length !== 3 || field === undefined || !containers.has(pathKey(path.slice(0, 2)))) return false;
  return containerFields(list, { name, [field]: null }).length > 0;
}

/**
 * The writes of the record of what others wrote into a legacy StatefulSet: made before that is removed, deleted when the
 * new one has it. In between it is stored nowhere else.
 *
 * @param isReplacing The legacy StatefulSet is about to be removed.
 */
export function planCarriedValues(observed: Observed, desired: Desired, isReplacing: boolean): readonly Action[] {
  const { metadata } = observed.server;
  const live = liveStatefulSet(observed);
  const present = metadata.annotations?.[CARRIED_ANNOTATION];
  if (live === undefined || desired.kind === "Unrenderable") return [];
  const wanted = isLegacy(live) ? (isReplacing ? recordOf(observed, desired) : present) : undefined;
  if (wanted === present) return [];
  const path = annotationPath(CARRIED_ANNOTATION);
  const operation = wanted === undefined ? { op: "remove", path } : { op: "add", path, value: wanted };
  const { annotations = {} } = metadata;
  const because = "what others wrote into the legacy StatefulSet goes into the new one";
  return [patchMetadata(serverTarget(observed.server), annotations, [operation], because)];
}

function recordOf(observed: Observed, { children }: Rendered): string | undefined {
  const child = children.find(({ childKey }) => childKey === "statefulset");
  const values = child === undefined ? [] : othersValues(observed, child);
  return values.length === 0 ? undefined : JSON.stringify({ patchedHash: child?.yields?.patchedHash, values });
}
