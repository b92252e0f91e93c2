import type { Problem, Warning } from "../facts.ts";
import type { Observed } from "../live/observed.ts";
import { groupKind } from "../values/group-kind.ts";
import { matchesAny } from "../values/pattern.ts";
import { contentHash } from "../values/hash.ts";
import { listOf, valueAt } from "../values/json.ts";
import { routeFindings, type RoutePolicy } from "./ingress-policy.ts";
import { podExcesses, storageExcess, type Excess, type OwnParts } from "./pod-limits.ts";
import {
  POD_SECURITY_LEVELS,
  podSecurityViolations,
  type PodParts,
  type PodSecurityLevel,
  type PodSecurityViolation,
} from "./pod-security.ts";
import { podTemplatesOf } from "./pod-templates.ts";
import type { PolicySettings } from "./policy-settings.ts";

/** A child as it should be, or as it is. */
export type PolicyChild = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> | undefined };
  readonly spec?: unknown;
  /** Of a Secret. */
  readonly type?: unknown;
  readonly data?: unknown;
  readonly stringData?: unknown;
};

/** Why a child is not allowed: the problem, but for the child's key. */
type PolicyFinding =
  | (PodSecurityViolation & { readonly kind: "PodSecurityViolated"; readonly level: PodSecurityLevel })
  | (Excess & { readonly kind: "NotAllowed" });

/** What the children of a server are checked against. */
export type Policy = RoutePolicy & {
  readonly own: OwnParts;
  /** Lines of `toleratedViolations`; empty if everything counts. */
  readonly tolerated: readonly string[];
};

/** A child with the key under which patches know it. */
type Judged = { readonly childKey: string; readonly manifest: PolicyChild };

export type PolicyVerdict = {
  /** At most one a child. */
  readonly problems: readonly (Problem & { readonly childKey: string })[];
  readonly warnings: readonly Warning[];
};

/** Checks the children of a server, after patches, against what the administrator allows. */
export function judge(children: readonly Judged[], policy: Policy): PolicyVerdict {
  const verdicts = children.map((child) => verdictOn(child, policy));
  const violations = verdicts.flatMap(({ tolerated }) => [...tolerated]);
  return {
    problems: verdicts.flatMap(({ problems }) => problems),
    warnings: violations.length === 0 ? [] : [{ kind: "ViolationTolerated", violations }],
  };
}

type Verdict = {
  readonly problems: PolicyVerdict["problems"];
  /** Violations that are tolerated because they existed before; each in one line. */
  readonly tolerated: ReadonlySet<string>;
};

function verdictOn({ childKey, manifest }: Judged, policy: Policy): Verdict {
  const known = new Set(policy.tolerated);
  const isKnown = (finding: PolicyFinding): boolean =>
    isTolerable(finding, policy.settings) && known.has(violationLine(manifest, finding));
  const violations = defaultFindings(manifest, policy);
  const [first] = [
    ...violations.filter((finding) => !isKnown(finding)),
    ...excessesOf(manifest, policy),
    ...routeFindings(childKey, manifest, policy),
  ];
  return {
    problems: first === undefined ? [] : [{ ...first, childKey }],
    tolerated: new Set(violations.filter(isKnown).map((finding) => violationLine(manifest, finding))),
  };
}

/** Maximum lines of a record; a pod with more violations is not tolerated at all. */
const MAX_LINES = 64;

/**
 * The violations that a server may keep: those of its children when it was first checked against rules, in lines that
 * stay the same when nothing about it changes. The record is in the status, which users who may write servers cannot
 * write; an annotation on the StatefulSet could be written by those who may write StatefulSets. Undefined if the
 * administrator chose a level and kinds of Services: then nothing is tolerated, unless there is a record already.
 */
export function recordedViolations(
  { server, children, namespacePolicy: namespace }: Observed,
  settings: PolicySettings,
): readonly string[] | undefined {
  const recorded = server.status?.toleratedViolations;
  if (recorded !== undefined) return recorded;
  if (settings.podSecurity !== undefined && settings.services.types !== undefined) return undefined;
  const lines = children.flatMap((child) =>
    defaultFindings(child, { settings, namespace })
      .filter((finding) => isTolerable(finding, settings))
      .map((finding) => violationLine(child, finding)),
  );
  return [...new Set(lines)].toSorted().slice(0, MAX_LINES);
}

/** Only what the defaults of the settings forbid, not what the administrator set. */
function isTolerable({ kind }: PolicyFinding, { podSecurity, services }: PolicySettings): boolean {
  return kind === "PodSecurityViolated" ? podSecurity === undefined : services.types === undefined;
}

/** What the settings forbid that have a default which forbids something. */
function defaultFindings(
  child: PolicyChild,
  { settings, namespace }: Pick<Policy, "settings" | "namespace">,
): readonly PolicyFinding[] {
  const level = effectiveLevel(settings.podSecurity, namespace.podSecurity);
  const violations = foundInPods(child, (pod) => podSecurityViolations(pod, level));
  return [
    ...violations.map((violation) => ({ kind: "PodSecurityViolated", level, ...violation }) as const),
    ...serviceExcesses(child, settings).map((excess) => ({ kind: "NotAllowed", ...excess }) as const),
  ];
}

/** What is found in the pods that a child makes, by its path in the child. */
function foundInPods<F extends { readonly field: string }>(
  child: PolicyChild,
  look: (pod: PodParts) => readonly F[],
): readonly F[] {
  return podTemplatesOf(child).flatMap(({ at, pod }) => look(pod).map((one) => ({ ...one, field: at + one.field })));
}

/** The stricter of what the administrator and the Namespace say. */
export function effectiveLevel(
  setting: PodSecurityLevel | undefined,
  ofNamespace: PodSecurityLevel | undefined,
): PodSecurityLevel {
  const levels = [setting ?? "baseline", ofNamespace ?? "privileged"];
  return POD_SECURITY_LEVELS.findLast((level) => levels.includes(level)) ?? "restricted";
}

function excessesOf(child: PolicyChild, { settings, own }: Policy): readonly PolicyFinding[] {
  const excesses = [
    ...foundInPods(child, (pod) => podExcesses(pod, settings, own)),
    ...claimExcesses(child, settings),
    ...tokenExcesses(child, settings),
  ];
  return excesses.map((excess) => ({ kind: "NotAllowed", ...excess }) as const);
}

function claimExcesses(child: PolicyChild, settings: PolicySettings): readonly Excess[] {
  const path = ["resources", "requests", "storage"];
  const field = ["spec", ...path].join(".");
  switch (groupKind(child)) {
    case "/PersistentVolumeClaim":
      return storageExcess(valueAt(child.spec, ...path), field, settings);
    case "apps/StatefulSet":
      return listOf(valueAt(child.spec, "volumeClaimTemplates")).flatMap((template) => {
        const name = valueAt(template, "metadata", "name");
        const at = `spec.volumeClaimTemplates[${typeof name === "string" ? name : ""}].${field}`;
        return storageExcess(valueAt(template, "spec", ...path), at, settings);
      });
    default:
      return [];
  }
}

/** Kubernetes writes a token of the service account that an annotation names into a Secret of this type. */
const TOKEN_SECRET = "kubernetes.io/service-account-token";
const TOKEN_OF = "kubernetes.io/service-account.name";

/** Where a Secret requests a token. */
export const TOKEN_FIELD: string = `metadata.annotations[${TOKEN_OF}]`;

/** A pod that mounts the token of a service account is as powerful as one that runs as it. */
function tokenExcesses(child: PolicyChild, { serviceAccounts }: PolicySettings): readonly Excess[] {
  if (groupKind(child) !== "/Secret" || child.type !== TOKEN_SECRET) return [];
  const account = child.metadata.annotations?.[TOKEN_OF] ?? "";
  if (matchesAny(account, serviceAccounts)) return [];
  const detail = `a token of the service account ${account} is not allowed`;
  return [{ field: TOKEN_FIELD, detail, setting: "serviceAccounts" }];
}

function serviceExcesses(child: PolicyChild, { services }: PolicySettings): readonly Excess[] {
  if (groupKind(child) !== "/Service") return [];
  const given = valueAt(child.spec, "type");
  const type = typeof given === "string" ? given : "ClusterIP"; // the API server's default
  const addresses = listOf(valueAt(child.spec, "externalIPs"));
  return [
    ...((services.types ?? ["ClusterIP"]).includes(type)
      ? []
      : [{ field: "spec.type", detail: `a Service of type ${type} is not allowed`, setting: "services.types" }]),
    ...(services.externalIPs || addresses.length === 0
      ? []
      : [
          {
            field: "spec.externalIPs",
            detail: `the addresses ${addresses.map((address) => JSON.stringify(address)).join(", ")} are not allowed`,
            setting: "services.externalIPs",
          },
        ]),
  ];
}

/** Longest line of a record; a longer one is replaced by its hash. */
const MAX_LINE = 250;

function violationLine({ kind, metadata: { name } }: PolicyChild, finding: PolicyFinding): string {
  const what =
    finding.kind === "PodSecurityViolated"
      ? `${finding.rule} ${finding.field}=${finding.value}`
      : `${finding.setting} ${finding.field}: ${finding.detail}`;
  const line = `${kind} ${name}: ${what}`;
  return line.length <= MAX_LINE ? line : contentHash(line);
}
