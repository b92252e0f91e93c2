import type { JupyterServer } from "@amalthea/api";
import type { Logger } from "@amalthea/kube";
import type { ActionResult } from "../apply/action-result.ts";

/** Logs the result of an action: something changed, or somebody may have to act. */
export function logResult(result: ActionResult, server: JupyterServer, logger: Logger): void {
  const { namespace, name, uid } = server.metadata;
  const { action } = result;
  const fields = { namespace, name, uid, child: action.childKey, action: action.kind, reason: action.because };
  switch (result.kind) {
    case "Written":
    case "Removed":
      return logger.info(fields, "action done");
    case "SecretSeen":
      if (result.wrote) return logger.info(fields, "action done");
      return logger.debug({ ...fields, reason: "AsDesired" }, "nothing to do");
    case "Refused":
      return logger.warn(
        { ...fields, code: result.failure.code, refusal: result.failure.message },
        "the API server refused an action",
      );
    case "Skipped":
      if (result.because === "Contested") {
        return logger.warn({ ...fields, retryAfterMs: result.retryAfterMs }, "somebody keeps changing a child");
      }
      if (result.because === "ClockAhead") {
        return logger.warn(
          fields,
          "a limit is not enforced: the clock of this controller is ahead of the API server's",
        );
      }
      return logger.debug({ ...fields, skipped: result.because }, "nothing to do");
  }
}
