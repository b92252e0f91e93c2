import type { ActivityReport } from "@amalthea/api";

/** What the controller was told of a server's activity since its pod is there. */
export type ObservedActivity =
  /** It has not asked yet: nothing was due, or the controller has just started. */
  | { readonly kind: "Unasked" }
  | {
      readonly kind: "Answered";
      readonly at: Date;
      readonly report: ActivityReport;
      /** Consecutive responses, including this one. */
      readonly answers: number;
    }
  | {
      readonly kind: "Failed";
      /** When the latest attempt failed. */
      readonly at: Date;
      /** When the first of the consecutive failures was. */
      readonly since: Date;
      /** Consecutive failures. */
      readonly failures: number;
      /** For people; contains neither addresses nor parts of the response. */
      readonly why: string;
    };

/** What a pod reported, or why it did not; as in `ObservedActivity`. */
export type ActivityAnswer =
  { readonly kind: "Answered"; readonly report: ActivityReport } | { readonly kind: "Failed"; readonly why: string };

/** What is known of a pod after another poll. */
export function activityAfter(before: ObservedActivity, answer: ActivityAnswer, at: Date): ObservedActivity {
  if (answer.kind === "Answered") {
    return { ...answer, at, answers: before.kind === "Answered" ? before.answers + 1 : 1 };
  }
  const earlier = before.kind === "Failed" ? before : { since: at, failures: 0 };
  return { kind: "Failed", at, since: earlier.since, failures: earlier.failures + 1, why: answer.why };
}
