import { addressOf, type Action, type SecretManifest } from "../decision.ts";
import { isOwnSecret, requiredSecretKeys } from "../children/secret.ts";
import { LABELS } from "@amalthea/api";
import type { Observed } from "../live/observed.ts";
import { activePod, containerStatusesOf } from "../live/pod.ts";

/**
 * The writes of Secrets. They are not watched, so whether they are read depends on the rest of the plan: a pod that
 * starts needs them, and those of a running pod must not change.
 *
 * @param isStarting The plan creates, scales up or restarts the pod.
 */
export function planSecrets(
  observed: Observed,
  secrets: readonly SecretManifest[],
  isStarting: boolean,
): readonly Action[] {
  const own = secrets.find(isOwnSecret);
  const last = own ?? secrets.at(-1);
  if (last === undefined) return [];
  const because = reasonToRead(observed, last, isStarting);
  return because === undefined ? [] : ensureAll(observed, secrets, because);
}

/**
 * Before a pod template is written that uses Secrets which patches added: its pods may start at any time, and would
 * find somebody else's Secret under the same name. What exists is not changed.
 */
export function planNamedSecrets(observed: Observed, secrets: readonly SecretManifest[]): readonly Action[] {
  if (secrets.every(isOwnSecret)) return [];
  const onlyMade = secrets.map((secret) => ({ ...secret, isOnlyMade: true }) as const);
  return ensureAll(observed, onlyMade, "pods that may use it are about to change");
}

function ensureAll(observed: Observed, secrets: readonly SecretManifest[], because: string): readonly Action[] {
  const possible = secrets.filter((secret) => !isHeldBack(observed, secret));
  return possible.map((secret): Action => {
    const { manifest, contentHash: desiredHash } = secret;
    const childKey = manifest.metadata.labels[LABELS.childKey] ?? "secret";
    return { kind: "EnsureSecret", childKey, target: addressOf(manifest), desiredHash, secret, because };
  });
}

/**
 * In the legacy layout the Secrets are not changed either. If a pod cannot start because one is missing, it is created,
 * with the token of the spec or a generated one.
 */
export function planMissingSecrets(observed: Observed, secrets: readonly SecretManifest[]): readonly Action[] {
  const onlyMade = secrets.map((secret) => ({ ...secret, isOnlyMade: true }) as const);
  return isReportedMissing(observed) ? planSecrets(observed, onlyMade, false) : [];
}

/** It was refused, or belongs to somebody else, and it is too soon to retry. */
function isHeldBack({ failures }: Observed, { manifest, contentHash }: SecretManifest): boolean {
  const refusal = failures.find(({ childKey }) => childKey === manifest.metadata.labels[LABELS.childKey]);
  return refusal !== undefined && refusal.desiredHash === contentHash && refusal.mayRetry !== true;
}

function reasonToRead(observed: Observed, own: SecretManifest, isStarting: boolean): string | undefined {
  const pod = activePod(observed);
  const isNeeded = isStarting || pod === undefined;
  switch (observed.secret.kind) {
    case "Unknown": {
      if (isStarting) return "the pod is about to start";
      const isRemembered = observed.server.status?.children?.["secret"] !== undefined;
      if (!isRemembered) return "it was never read";
      return isReportedMissing(observed) ? "the pod reports a missing Secret" : undefined;
    }
    case "Present": {
      if (own.isOnlyMade === true) return undefined;
      const { keys, contentHash } = observed.secret;
      const lacking = requiredSecretKeys(own).find((key) => !keys.includes(key));
      if (lacking !== undefined && (isNeeded || isReportedMissing(observed))) return `${lacking} is missing`;
      return isNeeded && contentHash !== own.contentHash ? "its values changed" : undefined;
    }
  }
}

/** The kubelet reports it for an environment variable in the container's state, for a volume only in an Event. */
function isReportedMissing(observed: Observed): boolean {
  const pod = activePod(observed);
  if (pod === undefined) return false;
  const statuses = containerStatusesOf(pod);
  if (statuses.some(({ state }) => state?.waiting?.reason === "CreateContainerConfigError")) return true;
  const isUnready = statuses.length === 0 || statuses.some(({ ready }) => !ready);
  return (
    isUnready && observed.events.some(({ reason, message }) => reason === "FailedMount" && message.includes("secret"))
  );
}
