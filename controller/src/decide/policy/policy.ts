import { routeFindings, type RoutePolicy, type TakenRule } from "./ingress-policy.ts";
import type { Problem, Warning } from "../facts.ts";
import { type ChildPolicy, type PolicyChild, type PolicyFinding, verdictOnChild } from "./child-policy.ts";

/** What the children of a server are held against. */
export type Policy = ChildPolicy & Pick<RoutePolicy, "server" | "ownRoutes" | "takenBy">;

/** A child with the key under which patches know it. */
type Judged = { readonly childKey: string; readonly manifest: PolicyChild };

export type PolicyVerdict = {
  /** At most one a child. */
  readonly problems: readonly (Problem & { readonly childKey: string })[];
  readonly warnings: readonly Warning[];
};

/** Holds the children of a server, after patches, against what the administrator allows. */
export function judge(children: readonly Judged[], policy: Policy): PolicyVerdict {
  const verdicts = children.map(({ childKey, manifest }) => {
    const { refused, tolerated } = verdictOnChild(manifest, policy);
    return { childKey, tolerated, refused: [...refused, ...routeFindings(childKey, manifest, policy)] };
  });
  const tolerated = verdicts.flatMap((verdict) => verdict.tolerated);
  return {
    problems: verdicts.flatMap(({ childKey, refused: [first] }) =>
      first === undefined ? [] : [problemOf(childKey, first)],
    ),
    warnings: tolerated.length === 0 ? [] : [{ kind: "ViolationTolerated", violations: tolerated }],
  };
}

function problemOf(childKey: string, finding: PolicyFinding | TakenRule): Problem & { readonly childKey: string } {
  switch (finding.kind) {
    case "PodSecurity": {
      const { level, rule, field, value } = finding;
      return { kind: "PodSecurityViolated", childKey, level, rule, field, value };
    }
    case "Excess": {
      const { field, detail, setting } = finding;
      return { kind: "NotAllowed", childKey, field, detail, setting };
    }
    case "RouteTaken":
      return { kind: "RuleTaken", childKey, route: finding.route, holder: finding.holder };
  }
}
