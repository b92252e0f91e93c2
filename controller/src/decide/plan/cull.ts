import { hibernatedByNote } from "../culling/hibernated-by.ts";
import { CULLING_KEY, LIMIT_FIELDS, type Cull, type LimitSource } from "../culling/limits.ts";
import type { Action, Plan } from "../decision.ts";
import { childKeyOf, serverTarget } from "../live/child.ts";
import type { Observed } from "../live/observed.ts";
import type { DecisionSettings } from "../settings.ts";
import { kubernetesTime } from "../values/time.ts";
import { refusedWrite } from "./children.ts";
import { hibernationAnnotations } from "./hibernation-annotations.ts";

/**
 * The plan of a server that has reached a limit: only that, because everything else was planned for a server that
 * continues. While our clock is ahead it does continue. A refusal of the API server (an admission policy of the
 * administrator) leaves the plan as it is.
 */
export function withCull(
  plan: Plan,
  due: Cull | undefined,
  { observed, settings, now }: { observed: Observed; settings: DecisionSettings; now: Date },
): Plan {
  if (due === undefined || isHeldBack(observed, due)) return plan;
  // A volume that is to be kept must be out of the server's ownership first.
  if (due.kind === "Delete" && plan.some((action) => isRelease(action, observed))) return plan;
  const cull = cullAction(due, observed, settings, now);
  return observed.isClockAhead ? [...plan, cull] : [cull];
}

function isHeldBack(observed: Observed, due: Cull): boolean {
  const refusal = refusedWrite(observed, { childKey: CULLING_KEY, desiredHash: hashOf(due) });
  return refusal !== undefined && refusal.mayRetry !== true;
}

function isRelease(action: Action, { children }: Observed): boolean {
  if (action.kind !== "PatchMetadata") return false;
  return children.some((child) => child.metadata.uid === action.target.uid && childKeyOf(child) === "pvc");
}

function hashOf({ kind, reason }: Cull): string {
  return `${kind} ${reason}`;
}

function cullAction(cull: Cull, { server, isClockAhead }: Observed, settings: DecisionSettings, now: Date): Action {
  const isHibernated = { ...server.spec.jupyterServer, hibernated: true };
  const asleep = { ...server, spec: { ...server.spec, jupyterServer: isHibernated } };
  const note = noteOf(cull);
  return {
    kind: "Cull",
    childKey: CULLING_KEY,
    target: serverTarget(server),
    desiredHash: hashOf(cull),
    because: note,
    resourceVersion: server.metadata.resourceVersion,
    cull,
    isClockAhead,
    annotations:
      cull.kind === "Hibernate"
        ? { ...hibernationAnnotations(asleep, settings, now), ...hibernatedByNote(cull, server) }
        : {},
    note,
  };
}

function noteOf({ kind, reason, at, setBy }: Cull): string {
  const done = kind === "Hibernate" ? "hibernated" : "deleted";
  return `The server is ${done}: the limit ${reason} (${settingOf(reason, setBy)}) was reached at ${kubernetesTime(at)}.`;
}

/** Where a limit is set, for users whose server was stopped. */
function settingOf(reason: Cull["reason"], setBy: LimitSource): string {
  const field = LIMIT_FIELDS[reason];
  if (setBy === "Server") return `spec.culling.${field}`;
  return `the chart value culling.${setBy === "Default" ? "defaults" : "maximums"}.${field.replace("Threshold", "")}`;
}
