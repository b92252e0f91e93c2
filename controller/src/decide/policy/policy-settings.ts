import type { PodSecurityLevel } from "./pod-security.ts";

/** What an administrator allows servers, from the chart's value `policy` (`POLICY`). The defaults stand in `policy-config.ts`. */
export type PolicySettings = {
  /** Level that pods must meet; undefined: `baseline`, where servers keep the violations that they ran with before. */
  readonly podSecurity: PodSecurityLevel | undefined;
  readonly patches: {
    /** Kinds that patches may change or add; `*`: any. */
    readonly kinds: readonly string[];
    /** JSON pointers into the patch document at or below which patches may change; `*` as a segment: any; `*` alone: all. */
    readonly paths: readonly string[];
  };
  /** Limited fields of the spec that servers may use; undefined: all where patches are not limited, otherwise none. */
  readonly fields: readonly string[] | undefined;
  /** Names of service accounts besides `default`; see `matchesAny`. */
  readonly serviceAccounts: readonly string[];
  /** Names of Secrets, besides the server's own, that pods and Ingresses may refer to. */
  readonly secrets: readonly string[];
  /** Images, as they are written in the spec. */
  readonly images: readonly string[];
  /** Most that one pod may ask for, by resource; `storage`: the size of one volume. */
  readonly maxResources: Readonly<Record<string, string>>;
  readonly services: {
    /** Undefined: `ClusterIP`, where servers keep the Services that they had before. */
    readonly types: readonly string[] | undefined;
    readonly externalIPs: boolean;
  };
  /** Most servers of a namespace; 0: no limit. */
  readonly serversPerNamespace: number;
  readonly routes: {
    /** Hosts, each with or without a path below which servers may be; empty: any. `{namespace}` and `{name}` are filled in. */
    readonly allowed: readonly string[];
    /** Whether the annotation `amalthea.dev/allowed-routes` of a Namespace adds to them. */
    readonly namespaceAnnotation: boolean;
  };
  readonly ingressAnnotations: {
    /** Names of annotations; empty: all but those that are denied. */
    readonly allowed: readonly string[];
    readonly denied: readonly string[];
  };
};

/** What a Namespace says of the servers in it. */
export type NamespacePolicy = {
  /** From its label `pod-security.kubernetes.io/enforce`. */
  readonly podSecurity?: PodSecurityLevel;
  /** From its annotation `amalthea.dev/allowed-routes`. */
  readonly routes?: readonly string[];
};

/**
 * Whether a text matches one of the patterns: `*` stands for any characters but `/`, `**` for any characters, and the
 * pattern `*` alone matches everything.
 */
export function matchesAny(text: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => pattern === "*" || pattern === text || matches(text, pattern));
}

/** Longer than any name, host or image: whoever writes one may want to see it searched for long. */
const MAX_TEXT_LENGTH = 2_048;

/** In steps of length of text times length of pattern: a regular expression with several wildcards takes powers of them. */
function matches(text: string, pattern: string): boolean {
  if (text.length > MAX_TEXT_LENGTH) return false;
  const tokens = pattern.split(/(\*\*?)/).flatMap((part) => (part.startsWith("*") ? [part] : Array.from(part)));
  const isWild = (at: number): boolean => tokens[at] === "*" || tokens[at] === "**";
  /** For each place in the pattern, whether the text so far may have led there; a wildcard may stand for nothing. */
  const spread = (reached: boolean[]): boolean[] => {
    for (let at = 0; at < tokens.length; at++) reached[at + 1] ||= reached[at] === true && isWild(at);
    return reached;
  };
  let reached = spread([true]);
  for (const character of text) {
    const next: boolean[] = [];
    for (let at = 0; at < tokens.length; at++) {
      if (reached[at] !== true) continue;
      if (tokens[at] === "**" || (tokens[at] === "*" && character !== "/")) next[at] = true;
      else if (tokens[at] === character) next[at + 1] = true;
    }
    reached = spread(next);
  }
  return reached[tokens.length] === true;
}
