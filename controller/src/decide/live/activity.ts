import type { ActivityReport } from "@amalthea/api";

/** What the controller was told of a server's activity since its pod is there. */
export type ObservedActivity =
  /** It has not asked yet: nothing was due, or the controller has just started. */
  | { readonly kind: "Unasked" }
  | {
      readonly kind: "Answered";
      readonly at: Date;
      readonly report: ActivityReport;
      /** Answers in a row, with this one. */
      readonly answers: number;
    }
  | {
      readonly kind: "Failed";
      /** When the latest attempt failed. */
      readonly at: Date;
      /** When the first of the failures in a row was. */
      readonly since: Date;
      /** Failures in a row. */
      readonly failures: number;
      /** For people; neither addresses nor anything of the answer. */
      readonly why: string;
    };

/** What a pod answered, or why it did not; as in `ObservedActivity`. */
export type ActivityAnswer =
  { readonly kind: "Answered"; readonly report: ActivityReport } | { readonly kind: "Failed"; readonly why: string };

/** What is known of a pod after it was asked once more. */
export function activityAfter(before: ObservedActivity, answer: ActivityAnswer, at: Date): ObservedActivity {
  if (answer.kind === "Answered") {
    return { ...answer, at, answers: before.kind === "Answered" ? before.answers + 1 : 1 };
  }
  const earlier = before.kind === "Failed" ? before : { since: at, failures: 0 };
  return { kind: "Failed", at, since: earlier.since, failures: earlier.failures + 1, why: answer.why };
}
