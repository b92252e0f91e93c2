import { Session } from "node:inspector/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Patch } from "@amalthea/api";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import type { DecisionSettings } from "./settings.ts";
import { anObserved, aServer, NOW, somePolicy, someSettings, type ServerOptions } from "./testing/builders.ts";
import { HOSTILE, LARGEST_OBJECT, nested, ODD_VALUES, RESERVED } from "./testing/hostile-patches.ts";
import { carryOut } from "./testing/simulated-world.ts";

/**
 * Blocks of our code that one decision may execute, as V8 counts them. A server without patches takes about 20,000.
 * The worst of the objects below takes 18 million: a million and a half digits where a quantity belongs, which every hash walks.
 */
const MOST_BLOCKS = 30_000_000;

const JOB = { apiVersion: "batch/v1", kind: "Job", plural: "jobs" };
const settings = someSettings({ extraChildKinds: [JOB] });
/** Every limit that an administrator can set. */
const strict = someSettings({
  extraChildKinds: [JOB],
  policy: somePolicy({
    podSecurity: "restricted",
    patches: {
      kinds: ["StatefulSet", "ConfigMap", "Service", "Secret"],
      paths: ["/statefulset", "/*/spec", "/*/data/*"],
    },
    serviceAccounts: ["a*b*c"],
    secrets: ["*-*-*", "**x**y"],
    images: ["registry.example.org/*/*:*", "*a*b*c*"],
    maxResources: { cpu: "4", memory: "8Gi", storage: "1Gi", "nvidia.com/gpu": "1" },
    services: { types: ["ClusterIP"], externalIPs: false },
    ingressAnnotations: { allowed: ["a*b*c"], denied: ["*d*"] },
  }),
});
const OIDC = { enabled: true, issuerUrl: "https://id.example.org", clientId: "jupyter", clientSecret: { value: "s" } };

const session = new Session();

beforeAll(async () => {
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
});

afterAll(() => session.disconnect());

const times = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, at) => make(at));
const keys = (count: number, value: string): Record<string, string> =>
  Object.fromEntries(times(count, (at) => [`k${at}`, value]));

/** Objects that are large by something else than patches: as many as an object holds, or as our bounds let through. */
const HOSTILE_FIELDS: Readonly<Record<string, () => ServerOptions>> = {
  labels: () => ({ metadata: { labels: keys(LARGEST_OBJECT / 15, "v") } }),
  annotations: () => ({ metadata: { annotations: keys(20_000, "v") } }),
  finalizers: () => ({ metadata: { finalizers: times(LARGEST_OBJECT / 20, (at) => `a.example.org/${at}`) } }),
  variables: () => ({ jupyterServer: { env: times(8_000, (at) => ({ name: `V${at}`, value: "x" })) } }),
  volumes: () => ({ jupyterServer: { extraVolumes: times(6_000, (at) => ({ name: `v${at}`, emptyDir: {} })) } }),
  tolerations: () => ({ jupyterServer: { tolerations: times(8_000, (at) => ({ key: `k${at}` })) as never } }),
  resources: () => ({ jupyterServer: { resources: { limits: keys(20_000, "1"), requests: keys(5_000, "1") } } }),
  "wrong amounts": () => ({ jupyterServer: { resources: { limits: keys(20_000, "x") } } }),
  "node labels": () => ({ jupyterServer: { nodeSelector: keys(20_000, "v") } }),
  "pull secrets": () => ({ jupyterServer: { imagePullSecrets: times(12_000, (at) => ({ name: `s${at}` })) } }),
  words: () => ({ jupyterServer: { args: times(25_000, (at) => `${at}`) } }),
  "Ingress annotations": () => ({ routing: { ingressAnnotations: keys(20_000, "v") } }),
  "refused annotations": () => ({
    routing: { ingressAnnotations: Object.fromEntries(times(15_000, (at) => [`tailscale.com/${at}`, "v"])) },
  }),
  "addresses of people": () => ({
    oidc: { ...OIDC, authorizedEmails: times(20_000, (at) => `u${at}@example.org`) },
    routing: { tls: { enabled: true } },
  }),
};

/** Decides twice, before and after the first plan is carried out, and counts the blocks that were executed. */
async function decided(
  options: ServerOptions,
  under = settings,
): Promise<{ readonly decisions: readonly Decision[]; readonly blocks: number }> {
  const world = anObserved({ server: aServer(options) });
  await session.post("Profiler.takePreciseCoverage"); // sets the counts to zero
  const first = decide(world, under, NOW);
  const second = decide(carryOut(world, first.plan), under, NOW);
  const { result } = await session.post("Profiler.takePreciseCoverage");
  const ours = result.filter(({ url }) => /controller\/src\/decide\/(?!testing)/.test(url));
  const ranges = ours.flatMap(({ functions }) => functions.flatMap((one) => one.ranges));
  return { decisions: [first, second], blocks: ranges.reduce((sum, { count }) => sum + count, 0) };
}

function expectSound({ plan, status, error }: Decision): void {
  expect(error).toBeUndefined();
  expect(status.conditions?.length).toBeGreaterThan(0);
  for (const { message } of status.conditions ?? []) expect(message.length).toBeLessThanOrEqual(32_768);
  expect(JSON.stringify(status).length).toBeLessThan(200_000);
  expect(JSON.stringify(plan).length).toBeLessThan(4 * LARGEST_OBJECT);
}

describe("any object that the API server stores", () => {
  const login = { oidc: OIDC, routing: { tls: { enabled: true } } };

  it("of an honest server takes some thousand blocks of code", async () => {
    const { decisions, blocks } = await decided(login);
    decisions.forEach(expectSound);
    expect(blocks).toBeGreaterThan(1_000);
    expect(blocks).toBeLessThan(MOST_BLOCKS / 100);
  });

  const circumstances: readonly (readonly [string, ServerOptions, DecisionSettings])[] = [
    ["a token", {}, settings],
    ["a login", login, settings],
    ["strict limits", {}, strict],
  ];
  it.each(
    Object.keys(HOSTILE).flatMap((name) =>
      circumstances.map(([what, options, under]) => ({ name, what, options, under })),
    ),
  )("$name, with $what, is decided about within bounded work", async ({ name, options, under }) => {
    const patches = HOSTILE[name]?.(LARGEST_OBJECT) ?? [];
    const { decisions, blocks } = await decided({ patches, ...options }, under);
    decisions.forEach(expectSound);
    expect(blocks).toBeLessThan(MOST_BLOCKS);
  });

  it.each(Object.keys(HOSTILE_FIELDS))("with thousands of %s is decided about within bounded work", async (name) => {
    const options = HOSTILE_FIELDS[name]?.() ?? {};
    const { decisions, blocks } = await decided(options);
    decisions.forEach(expectSound);
    expect(blocks).toBeLessThan(MOST_BLOCKS);
  });

  it.each([
    { count: 500, isTooMuch: false },
    { count: 501, isTooMuch: true },
  ])("with $count labels is told that they are too many: $isTooMuch", async ({ count, isTooMuch }) => {
    const { decisions } = await decided({ metadata: { labels: keys(count, "v") } });
    const stalled = decisions[0]?.status.conditions?.find(({ type }) => type === "Stalled");
    expect(stalled?.message).toEqual(
      isTooMuch ? expect.stringContaining("metadata.labels is invalid: there are more than 500") : undefined,
    );
  });

  const deep = nested(9_900);
  it.each<readonly [string, ServerOptions]>([
    ["affinity", { jupyterServer: { affinity: deep as never } }],
    ["extraVolumes", { jupyterServer: { extraVolumes: [deep as never] } }],
    ["tolerations", { jupyterServer: { tolerations: [deep as never] } }],
    ["resources", { jupyterServer: { resources: { limits: deep as never } } }],
    ["nodeSelector", { jupyterServer: { nodeSelector: Object.fromEntries([[RESERVED[0] ?? "", "x"]]) } }],
  ])("with a hostile field is told so: %s", async (field, options) => {
    const { decisions } = await decided(options);
    for (const { status } of decisions) {
      const stalled = status.conditions?.find(({ type }) => type === "Stalled");
      expect(stalled?.message).toContain(`spec.jupyterServer.${field}`);
    }
  });

  /** A place in the document of a server, and something there that does not belong there. */
  const PLACES = [
    ...[
      "",
      "/metadata",
      "/metadata/labels",
      "/metadata/annotations",
      "/metadata/name",
      "/kind",
      "/apiVersion",
      "/spec",
    ],
  ].flatMap((place) =>
    ["statefulset", "service", "ingress", "configmap", "secret", "pvc", "networkpolicy"].map(
      (kind) => `/${kind}${place}`,
    ),
  );
  const POD = "/statefulset/spec/template/spec";
  const INNER = [
    ...[
      "/spec/template",
      "/spec/template/metadata",
      "/spec/template/metadata/labels",
      "/spec/selector",
      "/spec/replicas",
    ].map((place) => `/statefulset${place}`),
    ...[
      "",
      "/containers",
      "/containers/0",
      "/containers/0/name",
      "/containers/0/env",
      "/containers/0/ports",
      "/containers/0/resources",
      "/containers/0/resources/limits",
      "/containers/1",
      "/containers/1/args",
      "/containers/1/args/6",
      "/volumes",
      "/initContainers",
      "/securityContext",
    ].map((place) => POD + place),
    ...["/spec/ports", "/spec/selector"].map((place) => `/service${place}`),
    ...[
      "/spec/rules",
      "/spec/rules/0",
      "/spec/rules/0/http",
      "/spec/rules/0/http/paths",
      "/spec/tls",
      "/spec/ingressClassName",
    ].map((place) => `/ingress${place}`),
    ...["/data", "/stringData"].map((place) => `/secret${place}`),
    ...["/data", "/data/policy.json"].map((place) => `/configmap${place}`),
    ...["/spec/podSelector", "/spec/ingress"].map((place) => `/networkpolicy${place}`),
    ...[
      "/spec/resources",
      "/spec/resources/requests",
      "/spec/resources/requests/storage",
      "/spec/storageClassName",
    ].map((place) => `/pvc${place}`),
  ];
  const odd = fc.oneof(fc.constantFrom(...ODD_VALUES), fc.jsonValue());
  const misplaced = fc
    .record({ path: fc.constantFrom(...PLACES, ...INNER), value: odd, op: fc.constantFrom("add", "replace") })
    .map((operation): Patch => ({ type: "application/json-patch+json", patch: [operation] }));
  const small = fc
    .record({ name: fc.constantFrom(...Object.keys(HOSTILE)), size: fc.integer({ min: 10, max: 5_000 }) })
    .map(({ name, size }) => HOSTILE[name]?.(size) ?? []);
  const patches = fc.array(
    fc.oneof({ weight: 3, arbitrary: misplaced.map((one) => [one]) }, { weight: 1, arbitrary: small }),
    {
      minLength: 1,
      maxLength: 4,
    },
  );
  const options = fc.record({
    patches: patches.map((list): readonly Patch[] => list.flat()),
    oidc: fc.constantFrom({}, OIDC),
    pvc: fc.record({ enabled: fc.boolean() }),
    routing: fc.constant({ tls: { enabled: true } }),
  });
  const limits = fc.constantFrom(settings, strict);

  it("with something odd in any place of its document is decided about, again and again", () => {
    fc.assert(
      fc.property(options, limits, (given, under) => {
        let world = anObserved({ server: aServer(given) });
        for (let round = 0; round < 3; round++) {
          const decision = decide(world, under, NOW);
          expectSound(decision);
          world = carryOut(world, decision.plan);
        }
      }),
      { numRuns: 150 },
    );
  });
});
