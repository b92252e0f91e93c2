import { listOf, valueAt } from "../values/json.ts";
import { childKeyOf } from "./child.ts";
import type { LiveChild, Observed } from "./observed.ts";
import type { LivePod } from "./pod.ts";

/** The claim for the server's own volume; undefined without one. */
export function ownClaim({ children }: Observed): LiveChild | undefined {
  return children.find(isOwnClaim);
}

/** The server's own claim, and then those that patches added and its pod mounts. */
export function claimsInUse({ children, pod }: Observed): readonly LiveChild[] {
  const mounted = mountedClaimNames(pod);
  const isOther = (child: LiveChild): boolean =>
    child.kind === "PersistentVolumeClaim" && !isOwnClaim(child) && mounted.includes(child.metadata.name);
  return [...children.filter(isOwnClaim), ...children.filter(isOther)];
}

/** Names of the claims that are volumes of a pod. */
export function mountedClaimNames(pod: LivePod | undefined): readonly string[] {
  return listOf(pod?.spec?.volumes)
    .map((volume) => valueAt(volume, "persistentVolumeClaim", "claimName"))
    .filter((name) => typeof name === "string");
}

function isOwnClaim(child: LiveChild): boolean {
  return child.kind === "PersistentVolumeClaim" && childKeyOf(child) === "pvc";
}

/** Whether the server's own claim takes a volume that was there before it, which may have files. */
export function hasPreexistingVolume({ server, children }: Observed): boolean {
  const { volumeName, selector } = server.spec.storage.pvc;
  const isAskedFor = volumeName !== undefined || selector !== undefined;
  return isAskedFor || children.some((child) => isOwnClaim(child) && namesVolume(child));
}

/** Kubernetes annotates a claim whose volume it chose itself. */
const CHOSEN = "pv.kubernetes.io/bound-by-controller";

function namesVolume({ metadata, spec }: LiveChild): boolean {
  const isNamed = valueAt(spec, "volumeName") !== undefined && metadata.annotations?.[CHOSEN] === undefined;
  return isNamed || valueAt(spec, "selector") !== undefined;
}

/** Set by Kubernetes together with the volume of a claim. */
const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";

/**
 * Whether a claim has a volume, or had one that is lost. A volume in its spec does not tell: somebody may only have asked
 * for it.
 */
export function isClaimBound({ status, metadata }: LiveChild): boolean {
  return valueAt(status, "phase") === "Bound" || metadata.annotations?.[BIND_COMPLETED] !== undefined;
}
