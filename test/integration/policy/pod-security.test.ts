import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { ApiError, type KubeClient, kinds } from "@amalthea/kube";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { podSecurityViolations, type PodSecurityLevel } from "../../../controller/src/decide/policy/pod-security.ts";
import { clientOf, forever } from "../kube/fixture.ts";
import { pods, unusualPods } from "./generated-pods.ts";

const LEVELS: readonly PodSecurityLevel[] = ["privileged", "baseline", "restricted"];

let cluster: ControlPlane;
let client: KubeClient;

beforeAll(async () => {
  cluster = await startControlPlane();
  client = clientOf(cluster);
  for (const level of LEVELS) {
    const labels = { "pod-security.kubernetes.io/enforce": level };
    await client.create(kinds.Namespace, { metadata: { name: level, labels } }, {}, forever);
    await cluster.kubectl(["create", "serviceaccount", "default", `--namespace=${level}`]);
  }
});

afterAll(async () => {
  await client?.close();
  await cluster?.stop();
});

type PodLike = { readonly metadata: object; readonly spec: object };

/** Whether the API server takes the pod; what it says against it otherwise. */
async function refusal({ metadata, spec }: PodLike, level: PodSecurityLevel): Promise<string | undefined> {
  const pod = { ...{ apiVersion: "v1", kind: "Pod" }, metadata: { ...metadata, namespace: level, name: "pod" }, spec };
  try {
    await client.create(kinds.Pod, pod, { dryRun: true }, forever);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error.detail;
    throw error;
  }
}

/** Rules that pods which the API server takes otherwise can break. */
const RULES: Readonly<Record<string, readonly string[]>> = {
  baseline: [
    ...["appArmorProfile", "capabilities", "hostNamespaces", "hostPathVolumes", "hostPorts"],
    ...["hostProbesAndHostLifecycle", "privileged", "seLinuxOptions", "seccompProfile", "sysctls"],
  ],
  restricted: [
    ...["allowPrivilegeEscalation", "appArmorProfile", "capabilities", "hostNamespaces", "hostPorts"],
    ...["hostProbesAndHostLifecycle", "privileged", "restrictedVolumes", "runAsNonRoot", "runAsUser"],
    ...["seLinuxOptions", "seccompProfile", "sysctls"],
  ],
};

describe("our Pod Security rules", () => {
  it.each(["baseline", "restricted"] as const)(
    "refuse what the API server refuses in a namespace of level %s, and nothing else",
    async (level) => {
      const seen = { allowed: 0, refused: 0, rules: new Set<string>() };
      const compare = async (pod: PodLike): Promise<void> => {
        const said = await refusal(pod, level);
        if (said !== undefined && !said.includes("violates PodSecurity")) {
          // Something else is wrong with it, whatever the level.
          expect(await refusal(pod, "privileged"), said).toBeDefined();
          return;
        }
        const violations = podSecurityViolations(pod, level);
        expect(violations.length > 0, said ?? JSON.stringify(violations)).toBe(said !== undefined);
        if (!unusualPods.includes(pod)) seen[said === undefined ? "allowed" : "refused"] += 1;
        for (const { rule } of violations) seen.rules.add(rule);
      };
      await fc.assert(fc.asyncProperty(pods, compare), { numRuns: 500, examples: unusualPods.map((pod) => [pod]) });
      // The generator reaches both sides and every rule.
      expect(seen.allowed).toBeGreaterThan(0);
      expect(seen.refused).toBeGreaterThan(100);
      expect([...seen.rules]).toEqual(expect.arrayContaining([...(RULES[level] ?? [])]));
    },
  );
});
