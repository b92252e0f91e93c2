import { API_VERSION, KIND, LABELS } from "@amalthea/api";
import type { Live } from "@amalthea/kube";
import type { Event as CoreEvent, Pod } from "kubernetes-types/core/v1.js";
import type { OwnerReference } from "kubernetes-types/meta/v1.js";
import { describe, expect, it } from "vitest";
import { childContent, eventContent, podContent } from "./kept-content.ts";

const owner = (kind: string): OwnerReference => ({
  apiVersion: kind === KIND ? API_VERSION : "apps/v1",
  ...{ kind, name: "alice", uid: "u", controller: true },
});

function anObject(owners: OwnerReference[], labels: Readonly<Record<string, string>> = {}): Live {
  const metadata = {
    ...{ name: "a", namespace: "ns", uid: "1", resourceVersion: "1", creationTimestamp: "" },
    ...{ labels: { [LABELS.parentUid]: "u", ...labels }, annotations: { large: "x" }, ownerReferences: owners },
  };
  return { metadata, data: { large: "x" }, spec: { large: "x" } } as Live;
}

describe("what caches keep of an object with our label", () => {
  it.each([
    { object: "a child", of: anObject([owner(KIND)]), keeps: true },
    { object: "a claim that was kept without an owner", of: anObject([], { [LABELS.childKey]: "pvc" }), keeps: true },
    { object: "anybody's", of: anObject([]), keeps: false },
    { object: "a Deployment's", of: anObject([owner("Deployment")]), keeps: false },
  ])("$object → everything: $keeps", ({ of, keeps }) => {
    expect(JSON.stringify(childContent(of)).includes("large")).toBe(keeps);
    expect(childContent(of).metadata).toMatchObject({ uid: "1", resourceVersion: "1" });
  });

  it.each([
    { object: "a StatefulSet's pod", of: anObject([owner("StatefulSet")]), keeps: true },
    { object: "a pod of its own", of: anObject([]), keeps: false },
  ])("$object → everything: $keeps", ({ of, keeps }) => {
    expect(JSON.stringify(podContent(of as Live<Pod>)).includes("large")).toBe(keeps);
  });

  it("an Event → what is read of it, and not more of its message than the newer API allows", () => {
    const involvedObject = { kind: "Pod", uid: "p", name: "large" };
    const event = { ...anObject([]), involvedObject, reason: "R", message: "m".repeat(9_999) } as Live<CoreEvent>;
    const kept = eventContent(event);
    expect(kept).toMatchObject({ involvedObject: { kind: "Pod", uid: "p" }, reason: "R", message: "m".repeat(1_024) });
    expect(JSON.stringify(kept)).not.toContain("large");
  });
});
