import { readFileSync } from "node:fs";
import { API_VERSION, KIND, LABELS } from "@amalthea/api";
import type { Live } from "@amalthea/kube";
import type { Event as CoreEvent, Pod } from "kubernetes-types/core/v1.js";
import type { OwnerReference } from "kubernetes-types/meta/v1.js";
import { describe, expect, it } from "vitest";
import {
  childContent,
  eventContent,
  hibernatedAppliedBy,
  outlineOf,
  podContent,
  serverContent,
} from "./informer-transforms.ts";

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

  const LONG = "x".repeat(1_000_000);
  const HUGE: readonly OwnerReference[] = [{ ...owner("ConfigMap"), controller: false, name: LONG, uid: LONG }];
  it.each<{ what: string; kept: object }>([
    { what: "an object that is no child, with long owners", kept: childContent(anObject([...HUGE])) },
    { what: "a pod that is nobody's, with long owners", kept: podContent(anObject([...HUGE]) as Live<Pod>) },
    {
      what: "an Event with a long reason about an object with a long uid",
      kept: eventContent({
        ...anObject([]),
        ...{ involvedObject: { kind: LONG, uid: LONG }, reason: LONG, message: LONG },
      } as Live<CoreEvent>),
    },
  ])("$what → a few kilobytes", ({ kept }) => {
    expect(JSON.stringify(kept).length).toBeLessThan(3_000);
  });
});

describe("what caches keep of a server", () => {
  const routing = {
    host: "hub.example.org",
    path: "/a",
    tls: { enabled: true },
    externalUrl: "https://hub.example.org",
  };
  const status = { state: "running" };
  const aServer = (more: object, labels: object = {}): Live =>
    ({
      ...{ apiVersion: API_VERSION, kind: KIND, status },
      metadata: { name: "a", namespace: "ns", uid: "u", resourceVersion: "7", generation: 3, labels },
      spec: { routing: { ...routing, ingressAnnotations: {} }, ...more },
    }) as unknown as Live;

  it.each([
    { large: "a long text", of: aServer({ patches: [{ patch: "x".repeat(50_000) }] }) },
    { large: "a long key", of: aServer({ patches: [{ patch: { ["x".repeat(50_000)]: 1 } }] }) },
    { large: "many values", of: aServer({ patches: Array.from({ length: 3_000 }, () => 1) }) },
    {
      large: "deep nesting",
      of: aServer({ patches: JSON.parse(`${"[".repeat(9_000)}${"]".repeat(9_000)}`) as unknown }),
    },
    { large: "small values", of: aServer({ patches: Array.from({ length: 1_000 }, () => ({})) }) },
    {
      large: "keys of their own",
      of: aServer({ patches: Array.from({ length: 400 }, (_, at) => ({ [`k${at}`]: 1 })) }),
    },
    { large: "a text in Chinese", of: aServer({ patches: [{ patch: "\u4e2d".repeat(30_000) }] }) },
    { large: "labels", of: aServer({}, { a: "x".repeat(50_000) }) },
  ])("is its identity, route and status, if it is large by $large", ({ of }) => {
    expect(outlineOf(of)).toEqual({
      ...{ apiVersion: API_VERSION, kind: KIND, status },
      metadata: { name: "a", namespace: "ns", uid: "u", resourceVersion: "7", generation: 3 },
      spec: { routing },
    });
  });

  it("is nothing of its owners, which can be thousands, and the first of those who apply `hibernated`", () => {
    const owners = Array.from({ length: 8_000 }, (_, at) => ({ ...owner("ConfigMap"), uid: `${at}` }));
    const managedFields = Array.from({ length: 4_000 }, (_, at) => ({
      ...{
        manager: `m${at}`,
        operation: "Apply",
        fieldsV1: { "f:spec": { "f:jupyterServer": { "f:hibernated": {} } } },
      },
    }));
    const small = aServer({});
    const large = { ...small, metadata: { ...small.metadata, ownerReferences: owners, managedFields } } as Live;
    const kept = outlineOf(serverContent(large));
    expect(JSON.stringify(kept).length).toBeLessThan(1_000);
    expect(hibernatedAppliedBy(kept)).toBe("m0");
  });

  it("is all of it otherwise: the session of a real client, too", () => {
    const path = new URL("../../../test/fixtures/clients/session.json", import.meta.url);
    expect(outlineOf(JSON.parse(readFileSync(path, "utf8")) as Live)).toBeUndefined();
    expect(outlineOf({ metadata: {} } as Live)).toBeUndefined();
  });
});
