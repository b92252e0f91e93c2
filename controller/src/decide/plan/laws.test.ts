import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import { planFor } from "./plan.ts";
import { carryOut } from "../testing/simulated-world.ts";
import { anObserved, aServer, NOW, someSettings, type ServerOptions } from "../testing/builders.ts";

const settings = someSettings();

/** A change, a reconcile, the StatefulSet controller, and the removal of the pod: nothing takes more reconciles. */
const MAX_RECONCILES = 4;

const quantity = fc.constantFrom("100m", "0.5", "1", "256Mi", "1Gi", "1024Mi");
const resources = fc.record(
  {
    requests: fc.dictionary(fc.constantFrom("cpu", "memory"), quantity),
    limits: fc.dictionary(fc.constantFrom("cpu", "memory", "nvidia.com/gpu"), quantity),
  },
  { requiredKeys: [] },
);
const text = fc.oneof(fc.string(), fc.constantFrom("", "$(HOME)", "a: 'b'", '"', "/lab"));
const path = fc.constantFrom("/", "/a", "/a/b/", "a//b");
const patches = fc.constantFrom<NonNullable<ServerOptions["patches"]>>(
  [],
  [{ type: "application/merge-patch+json", patch: { ingress: null } }],
  [{ type: "application/merge-patch+json", patch: { extra: { apiVersion: "v1", kind: "ConfigMap", data: {} } } }],
  [{ type: "application/json-patch+json", patch: [{ op: "remove", path: "/nowhere" }] }],
  [
    {
      type: "application/json-patch+json",
      patch: [{ op: "add", path: "/statefulset/spec/template/spec/hostNetwork", value: false }],
    },
  ],
);
const oidc = fc.constantFrom(
  { enabled: false },
  {
    enabled: true,
    issuerUrl: "https://id.example.org",
    clientId: "jupyter",
    clientSecret: { value: "s" },
  },
);
const options: fc.Arbitrary<ServerOptions> = fc.record({
  auth: fc.record({ token: text }, { requiredKeys: [] }),
  oidc,
  jupyterServer: fc.record({ image: text, defaultUrl: text, resources, hibernated: fc.boolean() }),
  routing: fc.record({ path, host: fc.constantFrom("hub.example.org", ""), tls: fc.record({ enabled: fc.boolean() }) }),
  size: fc.constantFrom("", "100Mi", "1Gi", 5),
  pvc: fc.record({ enabled: fc.boolean(), retentionPolicy: fc.constantFrom("Delete" as const, "Retain" as const) }),
  patches,
  updatePolicy: fc.constantFrom("OnNextStart" as const, "Restart" as const),
});

/** Carries out plans until one is empty, and counts them. */
function settle(start: Observed): { readonly world: Observed; readonly reconciles: number } {
  let world = start;
  for (let reconciles = 0; reconciles <= MAX_RECONCILES; reconciles++) {
    const { plan } = planFor(world, settings, NOW);
    if (plan.length === 0) return { world, reconciles };
    world = carryOut(world, plan);
  }
  throw new Error(
    `not settled after ${MAX_RECONCILES} reconciles: ${JSON.stringify(planFor(world, settings, NOW).plan).slice(0, 2000)}`,
  );
}

describe("planFor", () => {
  it("has nothing to do after the children of a new server are made", () => {
    fc.assert(
      fc.property(options, (given) => {
        expect(settle(anObserved({ server: aServer(given) })).reconciles).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("has nothing left to do a few reconciles after any change of the spec", () => {
    fc.assert(
      fc.property(options, options, (before, after) => {
        const { world } = settle(anObserved({ server: aServer(before) }));
        const { annotations } = world.server.metadata;
        const metadata = annotations === undefined ? {} : { annotations };
        settle({ ...world, server: aServer({ ...after, metadata }) });
      }),
    );
  });

  it("never removes or resizes the pod of a server whose spec stays", () => {
    fc.assert(
      fc.property(options, (given) => {
        const { world } = settle(anObserved({ server: aServer(given) }));
        const { plan } = planFor({ ...world, children: [] }, settings, NOW);
        expect(plan.filter(({ kind }) => kind === "RemovePod" || kind === "Resize")).toEqual([]);
      }),
    );
  });

  it("decides the same in whatever order the children are seen", () => {
    fc.assert(
      fc.property(options, options, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), (before, after, order) => {
        const { world } = settle(anObserved({ server: aServer(before) }));
        const changed = { ...world, server: aServer(after) };
        const shuffled = world.children.map((child, index) => ({ child, rank: order[index] ?? 0 }));
        const children = shuffled.toSorted((a, b) => a.rank - b.rank).map(({ child }) => child);
        const actions = (observed: Observed): readonly string[] =>
          planFor(observed, settings, NOW)
            .plan.map((action) => JSON.stringify(action))
            .toSorted();
        expect(actions({ ...changed, children })).toEqual(actions(changed));
      }),
    );
  });

  it("decides without changing what it was given", () => {
    fc.assert(
      fc.property(options, (given) => {
        const observed = anObserved({ server: aServer(given) });
        const before = JSON.stringify(observed);
        planFor(observed, settings, NOW);
        expect(JSON.stringify(observed)).toBe(before);
      }),
    );
  });
});
