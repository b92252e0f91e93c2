import { routeFindings, type RoutePolicy } from "./ingress-policy.ts";
import type { Problem, Warning } from "../facts.ts";
import { type ChildPolicy, type PolicyChild, verdictOnChild } from "./child-policy.ts";

/** What the children of a server are checked against. */
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
    problems: verdicts.flatMap(({ childKey, refused }) => refused.slice(0, 1).map((first) => ({ ...first, childKey }))),
    warnings: tolerated.length === 0 ? [] : [{ kind: "ViolationTolerated", violations: tolerated }],
  };
}
