import type { JupyterServer } from "@amalthea/api";
import type { EventRecorder, Live } from "@amalthea/kube";
import type { ServerEvent } from "../decide/decision.ts";
import { SERVER_KIND } from "../kinds.ts";

/** Hands Events about the server to the recorder, which neither waits nor fails. */
export function recordEvents(
  server: JupyterServer,
  events: readonly ServerEvent[],
  recorder: Pick<EventRecorder, "record">,
): void {
  // Objects of a list carry neither version nor kind.
  const regarding = { ...server, apiVersion: SERVER_KIND.apiVersion, kind: SERVER_KIND.kind } as unknown as Live;
  for (const { type, reason, note } of events) recorder.record({ regarding, type, reason, action: "Reconcile", note });
}
