import { randomBytes } from "node:crypto";
import { ANNOTATIONS, FIELD_MANAGERS, LABELS } from "@amalthea/api";
import { isAlreadyExists, kinds, type KubeClient, type Live, type ObjectRef } from "@amalthea/kube";
import type { Secret } from "kubernetes-types/core/v1.js";
import type { ActionOf, GeneratedKey, SecretManifest } from "../decide/decision.ts";
import type { ObservedSecret } from "../decide/live/observed.ts";
import { controllerOf } from "../decide/values/controller.ts";
import { valueAt } from "../decide/values/json.ts";
import type { ActionResult } from "./action-result.ts";
import { heldByEarlier, isOfEarlier, nameTaken } from "./refusal.ts";

/**
 * Ensures that the server's Secret exists and follows the spec. Random values are generated once: an existing Secret
 * keeps those it has. One that belongs to somebody else is not touched.
 *
 * @param expected Whether an earlier reconcile saw it: then it is read first, otherwise created first.
 * @returns Also a refusal: the name is somebody else's, or still that of an earlier server's Secret.
 */
export async function ensureSecret(
  action: ActionOf<"EnsureSecret">,
  client: KubeClient,
  expected: boolean,
  signal: AbortSignal,
): Promise<ActionResult> {
  const { manifest } = action.secret;
  const found = expected ? await client.find(kinds.Secret, manifest.metadata, signal) : undefined;
  if (found !== undefined) return await update(found, action, client, signal);
  try {
    const made = await client.create(kinds.Secret, newSecret(action.secret), {}, signal);
    return { kind: "SecretSeen", action, secret: observed(made), wrote: true };
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const present = await client.find(kinds.Secret, manifest.metadata, signal);
    if (present === undefined) return { kind: "Refused", action, failure: heldByEarlier(action) };
    return await update(present, action, client, signal);
  }
}

async function update(
  live: Live<Secret>,
  action: ActionOf<"EnsureSecret">,
  client: KubeClient,
  signal: AbortSignal,
): Promise<ActionResult> {
  const desired = action.secret;
  const owner = controllerOf(desired.manifest);
  if (owner === undefined || controllerOf(live)?.uid !== owner.uid) {
    const failure = isOfEarlier(live, owner) ? heldByEarlier(action) : nameTaken(action);
    return { kind: "Refused", action, failure };
  }
  const change = desired.isOnlyMade === true ? undefined : changeTo(live, desired);
  if (change === undefined) return { kind: "SecretSeen", action, secret: observed(live), wrote: false };
  const ref: ObjectRef = desired.manifest.metadata;
  const body = { metadata: { uid: live.metadata.uid, annotations: change.annotations }, data: change.data };
  const written = await client.patch(kinds.Secret, ref, { kind: "Merge", body }, {}, signal);
  return { kind: "SecretSeen", action, secret: observed(written), wrote: true };
}

type Values = Readonly<Record<string, string>>;

/** A merge patch of the Secret's data; null removes a key. */
type DataChange = Readonly<Record<string, string | null>>;

function newSecret(desired: SecretManifest): SecretManifest["manifest"] {
  const { metadata } = desired.manifest;
  const annotations = { ...metadata.annotations, [ANNOTATIONS.contentHash]: desired.contentHash };
  return { ...desired.manifest, metadata: { ...metadata, annotations }, data: dataOf(desired, undefined) };
}

/** Missing random values, changed given ones, keys to remove, and the hash; undefined if it is up to date. */
function changeTo(live: Live<Secret>, desired: SecretManifest): { annotations: Values; data: DataChange } | undefined {
  const wanted = dataOf(desired, live.data);
  const isKept = keepsOthersValues(live, desired);
  const changed = Object.entries(wanted).filter(([key, value]) =>
    isKept ? live.data?.[key] === undefined : live.data?.[key] !== value,
  );
  const data = Object.fromEntries([
    ...changed,
    ...droppedKeys(live, wanted, desired).map((key) => [key, null] as const),
  ]);
  const marks = marksOf(desired);
  const isMarked = Object.entries(marks).every(([name, value]) => live.metadata.annotations?.[name] === value);
  return isMarked && Object.keys(data).length === 0 ? undefined : { annotations: marks, data };
}

function marksOf({ contentHash, patchedHash }: SecretManifest): Values {
  return {
    [ANNOTATIONS.contentHash]: contentHash,
    ...(patchedHash === undefined ? {} : { [ANNOTATIONS.patchedHash]: patchedHash }),
  };
}

/**
 * Whether the patches that added the Secret are those it was last written from: anything that differs was written by
 * somebody else since then.
 */
function keepsOthersValues({ metadata }: Live<Secret>, { patchedHash, keepsUnmarked }: SecretManifest): boolean {
  if (patchedHash === undefined) return false;
  const mark = metadata.annotations?.[ANNOTATIONS.patchedHash];
  return mark === patchedHash || (mark === undefined && keepsUnmarked === true);
}

/**
 * Keys that only we wrote and the patches that added the Secret no longer have. The server's own Secret keeps its keys: a
 * pod of an earlier spec may still mount them.
 */
function droppedKeys(live: Live<Secret>, wanted: Values, { manifest }: SecretManifest): readonly string[] {
  if (manifest.metadata.labels[LABELS.childKey] === "secret") return [];
  return Object.keys(live.data ?? {}).filter((key) => !Object.hasOwn(wanted, key) && isOursAlone(live, key));
}

/** Whether no other field manager wrote a key of the Secret. */
function isOursAlone({ metadata }: Live<Secret>, key: string): boolean {
  return (metadata.managedFields ?? [])
    .filter(({ fieldsV1 }) => valueAt(fieldsV1, "f:data", `f:${key}`) !== undefined)
    .every(({ manager }) => manager === FIELD_MANAGERS.children);
}

/**
 * The Secret's `data`, base64: values of patches take precedence, then those that follow the spec, then the live ones,
 * then random ones.
 */
function dataOf(desired: SecretManifest, live: Values | undefined): Values {
  const drawn = desired.generated.map((key) => [key.key, live?.[key.key] ?? base64(draw(key))] as const);
  const given = Object.entries(desired.given).map(([key, value]) => [key, base64(value)] as const);
  const patched = (desired.manifest["data"] ?? {}) as Values; // a patch may put anything here; the API server checks it
  return { ...Object.fromEntries(drawn), ...Object.fromEntries(given), ...patched };
}

/** 32 random bytes in the form their reader wants. oauth2-proxy decodes URL-safe base64 with its padding. */
function draw(key: GeneratedKey): string {
  const bytes = randomBytes(32);
  switch (key.encoding) {
    case "hex":
      return bytes.toString("hex");
    case "base64url":
      return bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");
  }
}

function observed(live: Live<Secret>): Extract<ObservedSecret, { kind: "Present" }> {
  return {
    kind: "Present",
    uid: live.metadata.uid,
    keys: Object.keys(live.data ?? {}).toSorted(),
    contentHash: live.metadata.annotations?.[ANNOTATIONS.contentHash],
  };
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
