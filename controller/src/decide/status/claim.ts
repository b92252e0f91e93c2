import type { ReasonWithValues } from "@amalthea/api";
import { isTerminating } from "../live/child.ts";
import { claimsInUse, isClaimBound, ownClaim } from "../live/claim.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import { listOf, valueAt } from "../values/json.ts";
import { parseQuantity } from "../values/quantity.ts";
import { detail } from "./text.ts";

/** A claim of the server, with files, that somebody deleted while its pod uses it; undefined if nobody did. */
export function claimDeletion(observed: Observed): ReasonWithValues | undefined {
  if (observed.pod === undefined || observed.server.metadata.deletionTimestamp !== undefined) return undefined;
  const claim = claimsInUse(observed).find((one) => isTerminating(one) && isClaimBound(one));
  return claim === undefined ? undefined : { reason: "ClaimDeleting", values: { claim: claim.metadata.name } };
}

/** The expansion of the server's volume that is requested and not done. */
export function claimGrowth(observed: Observed): ReasonWithValues | undefined {
  const claim = ownClaim(observed);
  if (claim === undefined || isTerminating(claim)) return undefined;
  const from = valueAt(claim.status, "capacity", "storage");
  const to = valueAt(claim.spec, "resources", "requests", "storage");
  const [has, wants] = [parseQuantity(from), parseQuantity(to)];
  if (has === undefined || wants === undefined || has >= wants) return undefined;
  const values = { claim: claim.metadata.name, from: String(from), to: String(to), detail: progressOf(claim) };
  return { reason: "VolumeGrowing", values };
}

/** @see https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/ */
const GROWTH_CONDITIONS: readonly string[] = [
  "ControllerResizeError",
  "NodeResizeError",
  "FileSystemResizePending",
  "Resizing",
];

function progressOf({ status }: LiveChild): string {
  const conditions = listOf(valueAt(status, "conditions"));
  const found = GROWTH_CONDITIONS.map((type) =>
    conditions.find((condition) => valueAt(condition, "type") === type && valueAt(condition, "status") === "True"),
  ).find((condition) => condition !== undefined);
  const message = valueAt(found, "message");
  if (typeof message === "string" && message !== "") return detail(message);
  return found === undefined
    ? "no progress is reported"
    : `the condition of the claim is ${String(valueAt(found, "type"))}`;
}
