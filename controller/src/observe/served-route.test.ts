import { type KubeObject, kinds } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import { planFor } from "../decide/plan/plan.ts";
import { carryOut } from "../decide/testing/simulated-world.ts";
import { anObserved, NOW, someSettings } from "../decide/testing/builders.ts";
import { servedRouteOf } from "./served-route.ts";

const start = anObserved();
const running = carryOut(start, planFor(start, someSettings(), NOW).plan);
const { uid } = running.server.metadata;
const route = { uid, host: "hub.example.org", path: "/sessions/alice" };

function child(kind: string): KubeObject {
  return running.children.find((object) => object.kind === kind) as unknown as KubeObject; // the planned ones are there
}

describe("servedRouteOf", () => {
  it("is where the Ingress leads from, and what the pod was started for", () => {
    expect(servedRouteOf(kinds.Ingress, child("Ingress"))).toEqual({ ...route, by: "Ingress" });
    expect(servedRouteOf(kinds.Pod, running.pod as KubeObject)).toEqual({ ...route, by: "Pod" });
  });

  it("is nothing for other objects, and for an Ingress that no server controls", () => {
    const { ownerReferences: _owners, ...metadata } = child("Ingress").metadata ?? {};
    expect(servedRouteOf(kinds.Service, child("Service"))).toBeUndefined();
    expect(servedRouteOf(kinds.Ingress, { ...child("Ingress"), metadata })).toBeUndefined();
  });
});
