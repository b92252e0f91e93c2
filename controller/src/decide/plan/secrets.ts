import { addressOf, type Action, type SecretManifest } from "../decision.ts";
import { isOwnSecret, requiredSecretKeys } from "../children/desired.ts";
import { LABELS } from "@amalthea/api";
import type { Observed } from "../live/observed.ts";
import { activePod } from "../live/pod.ts";

/**
 * Whether the Secrets are looked at. They are not watched, so that depends on what the rest of the plan does: a pod that
 * starts needs them, a pod that runs must not have them changed.
 *
 * @param isStarting The plan makes, scales up or restarts the pod.
 */
export function planSecrets(
  observed: Observed,
  secrets: readonly SecretManifest[],
  isStarting: boolean,
): readonly Action[] {
  const own = secrets.find(isOwnSecret);
  const last = own ?? secrets.at(-1);
  if (last === undefined) return [];
  const because = reasonToLook(observed, last, isStarting);
  if (because === undefined) return [];
  const possible = secrets.filter((secret) => !isHeldBack(observed, secret));
  return possible.map((secret): Action => {
    const { manifest, contentHash: desiredHash } = secret;
    const childKey = manifest.metadata.labels[LABELS.childKey] ?? "secret";
    return { kind: "EnsureSecret", childKey, target: addressOf(manifest), desiredHash, secret, because };
  });
}

/**
 * In the predecessor's layout the Secrets are left alone, too, until a pod cannot start because one is gone: then it is
 * made, with the token of the spec or another one.
 */
export function planMissedSecrets(observed: Observed, secrets: readonly SecretManifest[]): readonly Action[] {
  const onlyMade = secrets.map((secret) => ({ ...secret, isOnlyMade: true }) as const);
  return isMissed(observed) ? planSecrets(observed, onlyMade, false) : [];
}

/** The API server has refused it, or it is somebody else's, and it is too soon to look again. */
function isHeldBack({ failures }: Observed, { manifest, contentHash }: SecretManifest): boolean {
  const refusal = failures.find(({ childKey }) => childKey === manifest.metadata.labels[LABELS.childKey]);
  return refusal !== undefined && refusal.desiredHash === contentHash && refusal.mayRetry !== true;
}

function reasonToLook(observed: Observed, own: SecretManifest, isStarting: boolean): string | undefined {
  const pod = activePod(observed);
  const isNeeded = isStarting || pod === undefined;
  switch (observed.secret.kind) {
    case "Unknown": {
      if (isStarting) return "the pod is about to start";
      const isRemembered = observed.server.status?.children?.["secret"] !== undefined;
      if (!isRemembered) return "it was never seen";
      return isMissed(observed) ? "the pod says that a Secret is missing" : undefined;
    }
    case "Present": {
      if (own.isOnlyMade === true) return undefined;
      const { keys, contentHash } = observed.secret;
      const lacking = requiredSecretKeys(own).find((key) => !keys.includes(key));
      if (lacking !== undefined && (isNeeded || isMissed(observed))) return `${lacking} is missing`;
      return isNeeded && contentHash !== own.contentHash ? "its values changed" : undefined;
    }
  }
}

/** The kubelet says so of an environment variable in the container's state, of a volume only in an Event. */
function isMissed(observed: Observed): boolean {
  const pod = activePod(observed);
  if (pod === undefined) return false;
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  if (statuses.some(({ state }) => state?.waiting?.reason === "CreateContainerConfigError")) return true;
  const isUnready = statuses.length === 0 || statuses.some(({ ready }) => !ready);
  return (
    isUnready && observed.events.some(({ reason, message }) => reason === "FailedMount" && message.includes("secret"))
  );
}
