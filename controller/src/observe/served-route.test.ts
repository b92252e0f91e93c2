import { type KubeObject, kinds } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import { planFor } from "../decide/plan/plan.ts";
import { carryOut } from "../decide/testing/simulated-world.ts";
import { anObserved, NOW, someSettings } from "../decide/testing/builders.ts";
import { servedRoutesOf } from "./served-route.ts";

const start = anObserved();
const running = carryOut(start, planFor(start, someSettings(), NOW).plan);
const { uid } = running.server.metadata;
const served = {
  namespace: "sessions",
  uid,
  routes: [{ host: "hub.example.org", path: "/sessions/alice", isPattern: false }],
};

function child(kind: string): KubeObject {
  return running.children.find((object) => object.kind === kind) as unknown as KubeObject; // the planned ones are there
}

describe("servedRoutesOf", () => {
  it("is where the Ingress leads from, and what the pod was started for", () => {
    expect(servedRoutesOf(kinds.Ingress, child("Ingress"))).toEqual({ ...served, by: "Ingress" });
    expect(servedRoutesOf(kinds.Pod, running.pod as KubeObject)).toEqual({ ...served, by: "Pod" });
  });

  it("is nothing for other objects, and for an Ingress that no server controls", () => {
    const { ownerReferences: _owners, ...metadata } = child("Ingress").metadata ?? {};
    expect(servedRoutesOf(kinds.Service, child("Service"))).toBeUndefined();
    expect(servedRoutesOf(kinds.Ingress, { ...child("Ingress"), metadata })).toBeUndefined();
  });
});
