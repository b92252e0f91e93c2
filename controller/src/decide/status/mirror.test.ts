import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import { createdResources, mirroredChildren, mirroredPod } from "./mirror.ts";
import { aChild, aContainer, anObserved, aPod, aReadyPod, aServer, timeAgo } from "../testing/builders.ts";

const known = { uid: "s", name: "alice", kind: "Secret", apiVersion: "v1" };
const knowing = aServer({ status: { children: { secret: { ...known, status: null } } } });

describe("mirroredChildren", () => {
  it("shows each child by its key, without the bookkeeping in its status", () => {
    const claim = aChild("pvc", "PersistentVolumeClaim", {
      status: { phase: "Bound", capacity: { storage: "1Gi" }, allocatedResources: { storage: "1Gi" }, reason: null },
    });
    expect(mirroredChildren(anObserved({ children: [claim, aChild("configmap", "ConfigMap")] }))).toEqual({
      configmap: { uid: "uid-of-configmap", name: "alice", kind: "ConfigMap", apiVersion: "v1" },
      pvc: {
        uid: "uid-of-pvc",
        name: "alice",
        kind: "PersistentVolumeClaim",
        apiVersion: "v1",
        status: { phase: "Bound", capacity: { storage: "1Gi" } },
      },
    });
  });

  it.each([
    { pod: undefined, replicas: { replicas: 0, readyReplicas: 0 } },
    { pod: aPod(), replicas: { replicas: 1, readyReplicas: 0 } },
    { pod: aReadyPod(), replicas: { replicas: 1, readyReplicas: 1 } },
  ])("counts the replicas of the StatefulSet by the pod: $replicas", ({ pod, replicas }) => {
    const statefulSet = aChild("statefulset", "StatefulSet", { status: { replicas: 9, collisionCount: 0 } });
    expect(mirroredChildren(anObserved({ children: [statefulSet], pod }))["statefulset"]?.status).toEqual(replicas);
  });

  it("shows of a kind that patches added what it is, and not its status, which may never rest", () => {
    const scaler = aChild("scaler", "HorizontalPodAutoscaler", {
      apiVersion: "autoscaling/v2",
      status: { currentMetrics: [{ type: "Resource", resource: { current: { averageUtilization: 17 } } }] },
    });
    expect(mirroredChildren(anObserved({ children: [scaler] }))).toEqual({
      scaler: { uid: "uid-of-scaler", name: "alice", kind: "HorizontalPodAutoscaler", apiVersion: "autoscaling/v2" },
    });
  });

  it("of an image that cannot be pulled, says the same while the node tries and while it waits", () => {
    const mirrored = ["ErrImagePull", "ImagePullBackOff"].map((reason) => {
      const waiting = { reason, message: `${reason}: x/y:1` };
      return mirroredPod(anObserved({ pod: aPod({ containers: [aContainer({ state: { waiting } })] }) }));
    });
    expect(mirrored[0]).toEqual(mirrored[1]);
    expect(JSON.stringify(mirrored[0])).toContain('"state":{"waiting":{"reason":"ImagePullBackOff"}}');
  });

  it("shows the new one of two children with the same key", () => {
    const old = aChild("service", "Service");
    const fresh = aChild("service", "Service", {
      metadata: { ...old.metadata, uid: "new", creationTimestamp: timeAgo(1) },
    });
    expect(mirroredChildren(anObserved({ children: [fresh, old] }))["service"]?.uid).toBe("new");
  });

  it.each<{ look: string; secret: Observed["secret"]; shown: unknown }>([
    { look: "has not looked", secret: { kind: "Unknown" }, shown: known },
    {
      look: "found another",
      secret: { kind: "Present", uid: "t", keys: [], contentHash: undefined },
      shown: { ...known, uid: "t" },
    },
  ])("of a Secret known from an earlier pass, a controller that $look shows $shown", ({ secret, shown }) => {
    expect(mirroredChildren(anObserved({ server: knowing, secret }))["secret"]).toEqual(shown);
  });

  it("gives the uids of what was created, by key", () => {
    const children = mirroredChildren(anObserved({ server: knowing, children: [aChild("service", "Service")] }));
    expect(createdResources(children)).toEqual({ createdResources: { secret: "s", service: "uid-of-service" } });
  });
});

describe("mirroredPod", () => {
  it("shows the pod's status without nulls, bookkeeping and the containers' last words", () => {
    const crashed = aContainer({
      state: { terminated: { exitCode: 1, message: "http://x/?token=geheim" } },
      volumeMounts: [{ name: "workspace", mountPath: "/w" }],
    });
    const pod = aPod({
      containers: [crashed],
      conditions: [{ type: "Ready", status: "False", lastProbeTime: null as never }],
    });
    const mirrored = mirroredPod(anObserved({ pod }));
    expect(mirrored).toMatchObject({ name: "alice-0", kind: "Pod", apiVersion: "v1", status: { phase: "Pending" } });
    const text = JSON.stringify(mirrored);
    expect(text).toContain('"exitCode":1');
    for (const noise of ["geheim", "lastProbeTime", "volumeMounts", "null"]) expect(text).not.toContain(noise);
  });

  it("keeps the resource usage of the same pod, and drops that of an earlier one", () => {
    const pod = aPod();
    const withUsage = (uid: string): Observed["server"] =>
      aServer({ status: { mainPod: { uid, resourceUsage: { cpuMillicores: 5 } } } });
    expect(mirroredPod(anObserved({ pod, server: withUsage(pod.metadata.uid) }))?.resourceUsage).toEqual({
      cpuMillicores: 5,
    });
    expect(mirroredPod(anObserved({ pod, server: withUsage("earlier") }))?.resourceUsage).toBeUndefined();
  });
});
