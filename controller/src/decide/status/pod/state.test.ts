import { describe, expect, it } from "vitest";
import type { Observed } from "../../live/observed.ts";
import { podState } from "./state.ts";
import {
  aChild,
  aCondition,
  aContainer,
  ago,
  anEvent,
  anObserved,
  aPod,
  aReadyPod,
  aServer,
  someSettings,
  timeAgo,
} from "../../testing/builders.ts";

const waitingFor = (reason: string, message?: string): Observed["pod"] =>
  aPod({ containers: [aContainer({ state: { waiting: message === undefined ? { reason } : { reason, message } } })] });

const unschedulable = (message: string): Observed["pod"] =>
  aPod({ conditions: [aCondition("PodScheduled", "False", { reason: "Unschedulable", message })] });

const pendingClaim = aChild("pvc", "PersistentVolumeClaim", { status: { phase: "Pending" } });

describe("podState", () => {
  it.each([
    { pod: "no pod", observed: {}, kind: "Absent" },
    { pod: "a ready pod", observed: { pod: aReadyPod() }, kind: "Ready" },
    {
      pod: "a ready pod that is being deleted",
      observed: { pod: aReadyPod({ metadata: { deletionTimestamp: timeAgo(1) } }) },
      kind: "Stopping",
    },
    {
      pod: "a pod of a node that does not answer",
      observed: { pod: aReadyPod({ conditions: [], reason: "NodeLost" }) },
      kind: "NodeLost",
    },
    {
      pod: "a pod whose readiness the control plane declared unknown",
      observed: { pod: aPod({ conditions: [aCondition("Ready", "Unknown")] }) },
      kind: "NodeLost",
    },
    {
      pod: "a pod that the control plane, not the kubelet, marked as not ready",
      observed: { pod: aPod({ conditions: [aCondition("Ready", "False"), aCondition("ContainersReady", "True")] }) },
      kind: "NodeLost",
    },
    {
      pod: "a pod that waits for a readiness gate",
      observed: {
        pod: aPod({
          conditions: [aCondition("Ready", "False"), aCondition("ContainersReady", "True")],
          spec: { readinessGates: [{ conditionType: "example.org/gate" }] },
        }),
      },
      kind: "Progressing",
    },
  ])("$pod → $kind", ({ observed, kind }) => {
    expect(podState(anObserved(observed), someSettings()).kind).toBe(kind);
  });

  it.each([
    {
      circumstance: "the image is not in the registry",
      observed: {
        pod: waitingFor("ErrImagePull", 'failed to resolve reference "docker.io/a/b:v9": docker.io/a/b:v9: not found'),
      },
      reason: "ImageNotFound",
      tells: "jupyter/minimal-notebook:latest",
    },
    {
      circumstance: "the registry asks for credentials",
      observed: {
        pod: waitingFor(
          "ImagePullBackOff",
          'Back-off pulling image "a/b": ErrImagePull: pull access denied, repository does not exist',
        ),
      },
      reason: "ImageNotFound",
      tells: "jupyter/minimal-notebook:latest",
    },
    {
      circumstance: "the registry cannot be found",
      observed: {
        pod: waitingFor(
          "ImagePullBackOff",
          'Back-off pulling image "a/b": ErrImagePull: failed to do request: Head "https://r.example.org/v2/a": dial tcp: lookup r.example.org on 10.0.0.1:53: read udp 10.0.0.9:5364->10.0.0.1:53: i/o timeout',
        ),
      },
      reason: "ImagePullFailed",
      tells: "lookup r.example.org on 10.0.0.1:53: i/o timeout",
    },
    {
      circumstance: "the image's name is malformed",
      observed: { pod: waitingFor("InvalidImageName") },
      reason: "InvalidImageName",
      tells: "jupyter",
    },
    {
      circumstance: "the image may not be pulled and is not on the node",
      observed: { pod: waitingFor("ErrImageNeverPull", "Container image is not present with pull policy of Never") },
      reason: "ImagePullFailed",
      tells: "not on the node",
    },
    {
      circumstance: "a Secret that a container needs is missing",
      observed: { pod: waitingFor("CreateContainerConfigError", 'secret "idp-client" not found') },
      reason: "SecretMissing",
      tells: "idp-client",
    },
    {
      circumstance: "a Secret lacks a key",
      observed: {
        pod: waitingFor("CreateContainerConfigError", "couldn't find key token in Secret sessions/idp-client"),
      },
      reason: "SecretMissing",
      tells: "idp-client",
    },
    {
      circumstance: "a ConfigMap lacks a key",
      observed: {
        pod: waitingFor("CreateContainerConfigError", "couldn't find key ca.crt in ConfigMap sessions/company-ca"),
      },
      reason: "ConfigMapMissing",
      tells: "company-ca",
    },
    {
      circumstance: "the image runs as root and must not",
      observed: {
        pod: waitingFor("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
      },
      reason: "ContainerConfigError",
      tells: "runAsNonRoot",
    },
    {
      circumstance: "the image has no such program",
      observed: {
        pod: waitingFor(
          "RunContainerError",
          'failed to create containerd task: OCI runtime create failed: unable to start container process: exec: "start.sh": executable file not found in $PATH',
        ),
      },
      reason: "ContainerStartFailed",
      tells: 'exec: "start.sh": executable file not found',
    },
    {
      circumstance: "the claim names a class that does not exist",
      observed: {
        pod: unschedulable("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        children: [pendingClaim],
        events: [
          anEvent("PersistentVolumeClaim", "ProvisioningFailed", 'storageclass.storage.k8s.io "fast" not found'),
        ],
      },
      reason: "StorageClassMissing",
      tells: "fast",
    },
    {
      circumstance: "the volume behind the claim is gone",
      observed: {
        pod: unschedulable("0/1 nodes are available: persistentvolumeclaim bound to non-existent persistentvolume."),
        children: [aChild("pvc", "PersistentVolumeClaim", { status: { phase: "Lost" } })],
      },
      reason: "ClaimLost",
      tells: "alice",
    },
    {
      circumstance: "the existing claim that the spec names does not exist",
      observed: {
        server: aServer({ pvc: { enabled: true, existingClaim: "shared" } }),
        pod: unschedulable('0/1 nodes are available: persistentvolumeclaim "shared" not found.'),
      },
      reason: "ClaimMissing",
      tells: "shared",
    },
    {
      circumstance: "the Secret of a volume does not exist",
      observed: {
        pod: aPod(),
        events: [anEvent("Pod", "FailedMount", 'MountVolume.SetUp failed for volume "x" : secret "tokens" not found')],
      },
      reason: "SecretMissing",
      tells: "tokens",
    },
    {
      circumstance: "the node evicted the pod",
      observed: {
        pod: aPod({ phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory. " }),
      },
      reason: "Evicted",
      tells: "low on resource: memory.",
    },
    {
      circumstance: "the node shut down",
      observed: {
        pod: aPod({
          phase: "Failed",
          reason: "Terminated",
          message: "Pod was terminated in response to imminent node shutdown.",
        }),
      },
      reason: "PodFailed",
      tells: "node shutdown.",
    },
  ])("the pod fails because $circumstance → $reason", ({ observed, reason, tells }) => {
    const state = podState(anObserved(observed), someSettings());
    expect(state).toMatchObject({ kind: "Failing", why: { reason } });
    expect(JSON.stringify(state).replaceAll('\\"', '"')).toContain(tells);
  });

  it.each([
    {
      circumstance: "no node has room",
      observed: { pod: unschedulable("0/1 nodes are available: 1 Insufficient memory.") },
      reason: "Unschedulable",
      since: ago(50),
    },
    {
      circumstance: "no node had room and the autoscaler acted",
      observed: {
        pod: unschedulable("0/1 nodes are available: 1 Insufficient memory."),
        events: [anEvent("Pod", "TriggeredScaleUp", "pod triggered scale-up: [{pool-1 3->4 (max: 10)}]", ago(20))],
      },
      reason: "ScalingUp",
      since: ago(20),
    },
    {
      circumstance: "the autoscaler acted for an earlier pod of the same name",
      observed: {
        pod: unschedulable("0/1 nodes are available: 1 Insufficient memory."),
        events: [anEvent("Pod", "TriggeredScaleUp", "pod triggered scale-up", ago(3600))],
      },
      reason: "Unschedulable",
      since: ago(50),
    },
    {
      circumstance: "the provisioner reports an error",
      observed: {
        pod: unschedulable("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        children: [pendingClaim],
        events: [anEvent("PersistentVolumeClaim", "ProvisioningFailed", "rpc error: no space left")],
      },
      reason: "ClaimPending",
      since: ago(590),
    },
    {
      circumstance: "the volume is still held by another node",
      observed: {
        pod: aPod(),
        events: [anEvent("Pod", "FailedAttachVolume", 'Multi-Attach error for volume "pvc-7"')],
      },
      reason: "VolumeMountFailed",
      since: ago(60),
    },
  ])("the pod waits because $circumstance → $reason", ({ observed, reason, since }) => {
    expect(podState(anObserved(observed), someSettings())).toMatchObject({ kind: "Waiting", why: { reason }, since });
  });

  it.each([
    {
      circumstance: "its containers are being created",
      observed: { pod: aPod() },
      detail: "its containers are being created",
    },
    {
      circumstance: "it has no node and nobody has looked for one",
      observed: { pod: { ...aPod(), status: { phase: "Pending" } } },
      detail: "a node is being chosen for its pod",
    },
    {
      circumstance: "its container runs and is not ready",
      observed: { pod: aPod({ containers: [aContainer({ state: { running: { startedAt: timeAgo(5) } } })] }) },
      detail: "container jupyter-server runs and does not answer yet",
    },
    {
      circumstance: "the kubelet has not read a ConfigMap yet",
      observed: {
        pod: waitingFor(
          "CreateContainerConfigError",
          "failed to sync configmap cache: timed out waiting for the condition",
        ),
      },
      detail: "container jupyter-server is being created",
    },
    {
      circumstance: "an event of an earlier pod tells of a volume that could not be mounted",
      observed: { pod: aPod(), events: [anEvent("Pod", "FailedMount", 'secret "tokens" not found', ago(600))] },
      detail: "its containers are being created",
    },
  ])("the pod is on its way: $circumstance", ({ observed, detail }) => {
    expect(podState(anObserved(observed), someSettings())).toMatchObject({
      kind: "Progressing",
      why: { reason: "Starting", values: { detail } },
    });
  });
});
