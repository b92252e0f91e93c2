import { valueAt } from "../values/json.ts";
import { childKeyOf } from "./child.ts";
import type { LiveChild, Observed } from "./observed.ts";

/** The claim for the server's volume; undefined without one. */
export function claimOf({ children }: Observed): LiveChild | undefined {
  return children.find(({ kind }) => kind === "PersistentVolumeClaim");
}

/** Whether the server's own claim takes a volume that was there before it, which may have files. */
export function hasPreexistingVolume({ server, children }: Observed): boolean {
  const { volumeName, selector } = server.spec.storage.pvc;
  const isAskedFor = volumeName !== undefined || selector !== undefined;
  return isAskedFor || children.some((child) => childKeyOf(child) === "pvc" && namesVolume(child));
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
