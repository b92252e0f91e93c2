import type { Problem, Warning } from "../facts.ts";
import { type ChildPolicy, type PolicyChild, type PolicyFinding, verdictOnChild } from "./child-policy.ts";

/** A child with the key under which patches know it. */
type Judged = { readonly childKey: string; readonly manifest: PolicyChild };

export type PolicyVerdict = {
  /** At most one a child. */
  readonly problems: readonly (Problem & { readonly childKey: string })[];
  readonly warnings: readonly Warning[];
};

/** Holds the children of a server, after patches, against what the administrator allows. */
export function judge(children: readonly Judged[], policy: ChildPolicy): PolicyVerdict {
  const verdicts = children.map(({ childKey, manifest }) => ({ childKey, ...verdictOnChild(manifest, policy) }));
  const tolerated = verdicts.flatMap((verdict) => verdict.tolerated);
  return {
    problems: verdicts.flatMap(({ childKey, refused: [first] }) =>
      first === undefined ? [] : [problemOf(childKey, first)],
    ),
    warnings: tolerated.length === 0 ? [] : [{ kind: "ViolationTolerated", violations: tolerated }],
  };
}

function problemOf(childKey: string, finding: PolicyFinding): Problem & { readonly childKey: string } {
  const { field } = finding;
  switch (finding.kind) {
    case "PodSecurity": {
      const { level, rule, value } = finding;
      return { kind: "PodSecurityViolated", childKey, level, rule, field, value };
    }
    case "Excess":
      return { kind: "NotAllowed", childKey, field, detail: finding.detail, setting: finding.setting };
  }
}
