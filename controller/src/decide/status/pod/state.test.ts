import { describe, expect, it } from "vitest";
import type { ContainerState, ContainerStatus, PodSpec, Volume } from "kubernetes-types/core/v1.js";
import type { LiveChild, Observed } from "../../live/observed.ts";
import type { Obstacle } from "./obstacle.ts";
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

/** A pod whose container was started again after a run of so many seconds. */
function aSilentPod(more: {
  readonly ranSeconds: number;
  readonly reason?: string;
  readonly started?: boolean;
  readonly state?: ContainerState;
}): NonNullable<Observed["pod"]> {
  const { ranSeconds, reason = "Completed", started = false, state = { running: { startedAt: timeAgo(5) } } } = more;
  const terminated = { exitCode: 0, reason, startedAt: timeAgo(10 + ranSeconds), finishedAt: timeAgo(10) };
  return aPod({
    spec: PROBED,
    containers: [aContainer({ restartCount: 1, started, state, lastState: { terminated } })],
  });
}

/** Between two attempts, as containerd and the kubelet of Kubernetes 1.36 say it. */
const NEVER_STARTED: ContainerStatus = {
  name: "jupyter-server",
  image: "jupyter/minimal-notebook:latest",
  imageID: "",
  ready: false,
  started: false,
  restartCount: 3,
  state: {
    waiting: { reason: "CrashLoopBackOff", message: "back-off 40s restarting failed container=jupyter-server" },
  },
  lastState: {
    terminated: {
      containerID: "containerd://0a",
      exitCode: 128,
      reason: "StartError",
      message:
        'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "start-my-notebook.sh": executable file not found in $PATH',
      startedAt: "1970-01-01T00:00:00Z",
      finishedAt: timeAgo(10),
    },
  },
};

/** Of a server without a login: Jupyter has a probe. */
const PROBED = { containers: [{ name: "jupyter-server", startupProbe: { periodSeconds: 2, failureThreshold: 150 } }] };

/** A pod with a login whose proxy runs, and is not ready because Jupyter does not answer. */
function aSilentLogin(
  jupyter: ContainerState = { running: { startedAt: timeAgo(30) } },
  ...others: readonly ContainerStatus[]
): NonNullable<Observed["pod"]> {
  const proxy = aContainer({ name: "auth-proxy", state: { running: { startedAt: timeAgo(40) } } });
  return aPod({ containers: [proxy, aContainer({ state: jupyter, ready: jupyter.running !== undefined }), ...others] });
}

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
    ...[
      { reason: "ErrImagePull", message: "pull QPS exceeded" },
      {
        reason: "ImagePullBackOff",
        message: 'Back-off pulling image "docker.io/a/b:v9": ErrImagePull: pull QPS exceeded',
      },
    ].map(({ reason, message }) => ({
      pod: `a pod whose image the kubelet pulls later, and says so by ${reason}`,
      observed: { pod: waitingFor(reason, message) },
      kind: "Progressing",
    })),
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
    ...[
      "reading manifest latest in docker.io/a/b: requested access to the resource is denied",
      "reading manifest latest in registry.gitlab.com/a/b: denied: access forbidden",
      "reading manifest latest in ghcr.io/a/b: denied",
      "reading manifest latest in quay.io/a/b: unauthorized: access to the requested resource is not authorized",
      "reading manifest v9 in docker.io/a/b: manifest unknown",
    ].map((text) => ({
      circumstance: `CRI-O says: ${text}`,
      observed: { pod: waitingFor("ErrImagePull", `initializing source docker://a/b: ${text}`) },
      reason: "ImageNotFound",
      tells: "jupyter/minimal-notebook:latest",
    })),
    {
      circumstance: "the registry asks for credentials, and a pull secret is missing",
      observed: {
        pod: waitingFor("ErrImagePull", "pull access denied, repository does not exist"),
        events: [
          anEvent(
            "Pod",
            "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets (regcred, other); attempting to pull the image may not succeed.",
          ),
        ],
      },
      reason: "ImageNotFound",
      tells: '"missingSecrets":"regcred, other"',
    },
    {
      circumstance: "an image cannot be unpacked",
      observed: { pod: waitingFor("ErrImagePull", "failed to extract layer sha256:1: mkdir /x: permission denied") },
      reason: "ImagePullFailed",
      tells: "permission denied",
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
      reason: "SecretKeyMissing",
      tells: '"key":"token"',
    },
    {
      circumstance: "the Secret of a volume lacks a key",
      observed: {
        pod: aPod({
          spec: {
            volumes: [
              { name: "other", secret: { secretName: "other", items: [{ key: "token", path: "a" }] } },
              {
                name: "secrets",
                projected: {
                  sources: [
                    { secret: { name: "own", items: [{ key: "cookie", path: "cookie" }] } },
                    { secret: { name: "mine", items: [{ key: "token", path: "token" }] } },
                  ],
                },
              },
            ],
          },
        }),
        events: [
          anEvent(
            "Pod",
            "FailedMount",
            'MountVolume.SetUp failed for volume "secrets" : references non-existent secret key: token',
          ),
        ],
      },
      reason: "SecretKeyMissing",
      tells: '"secret":"mine","key":"token"',
    },
    {
      circumstance: "the ConfigMap of a volume lacks a key",
      observed: {
        pod: aPod({
          spec: { volumes: [{ name: "ca", configMap: { name: "company", items: [{ key: "ca.crt", path: "c" }] } }] },
        }),
        events: [
          anEvent(
            "Pod",
            "FailedMount",
            'MountVolume.SetUp failed for volume "ca" : configmap references non-existent config key: ca.crt',
          ),
        ],
      },
      reason: "ConfigMapKeyMissing",
      tells: '"configMap":"company","key":"ca.crt"',
    },
    {
      circumstance: "a ConfigMap lacks a key",
      observed: {
        pod: waitingFor("CreateContainerConfigError", "couldn't find key ca.crt in ConfigMap sessions/company-ca"),
      },
      reason: "ConfigMapKeyMissing",
      tells: '"configMap":"company-ca","key":"ca.crt"',
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
      circumstance: "the image has no such program, and the next attempt is some time away",
      observed: { pod: aPod({ spec: PROBED, containers: [NEVER_STARTED] }) },
      reason: "ContainerStartFailed",
      tells: 'exec: "start-my-notebook.sh": executable file not found in $PATH',
    },
    {
      circumstance: "the image of an init container has no such program",
      observed: {
        pod: aPod({
          spec: { ...PROBED, initContainers: [{ name: "prepare" }] },
          initContainers: [{ ...NEVER_STARTED, name: "prepare" }],
          containers: [aContainer()],
        }),
      },
      reason: "ContainerStartFailed",
      tells: '"container":"prepare"',
    },
    {
      circumstance: "its program never answered, and now its Secret is gone",
      observed: {
        pod: aSilentPod({
          ranSeconds: 300,
          state: { waiting: { reason: "CreateContainerConfigError", message: 'secret "tokens" not found' } },
        }),
      },
      reason: "SecretMissing",
      tells: "tokens",
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
      circumstance: "a claim that a patch mounts does not exist",
      observed: { pod: unschedulable('0/1 nodes are available: persistentvolumeclaim "data" not found.') },
      reason: "ClaimMissing",
      tells: "data",
    },
    {
      circumstance: "its program never answered within the time of its startup probe",
      observed: { pod: aSilentPod({ ranSeconds: 300 }) },
      reason: "NotAnswering",
      tells: '"port":8888,"path":"/sessions/alice/api"',
    },
    {
      circumstance: "its program never answered, and is about to be started again",
      observed: { pod: aSilentPod({ ranSeconds: 300, state: { waiting: { reason: "CrashLoopBackOff" } } }) },
      reason: "NotAnswering",
      tells: "jupyter-server",
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
      circumstance: "no node had room and Karpenter is making one",
      observed: {
        pod: unschedulable("0/1 nodes are available: 1 Insufficient memory."),
        events: [anEvent("Pod", "Nominated", "Pod should schedule on: nodeclaim/default-x7k2p", ago(20))],
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
      circumstance: "no node has the labels it asks for",
      observed: {
        pod: unschedulable(
          "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
        ),
      },
      reason: "NoMatchingNode",
      since: ago(50),
    },
    {
      circumstance: "the nodes that have its labels are full",
      observed: {
        pod: unschedulable(
          "0/3 nodes are available: 1 Insufficient memory, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3.",
        ),
      },
      reason: "Unschedulable",
      since: ago(50),
    },
    {
      circumstance: "all nodes are tainted, and may lose the taint",
      observed: { pod: unschedulable("0/1 nodes are available: 1 node(s) had untolerated taint(s). preemption: 0/1.") },
      reason: "Unschedulable",
      since: ago(50),
    },
    {
      circumstance: "nobody provisions its claim",
      observed: {
        pod: unschedulable(
          "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1.",
        ),
        children: [{ ...pendingClaim, spec: { storageClassName: "slow" } }],
      },
      reason: "ClaimPending",
      since: ago(590),
      tells: "its storage class slow has not provided one",
    },
    {
      circumstance: "the cluster has no default storage class",
      observed: {
        pod: unschedulable("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        children: [pendingClaim],
      },
      reason: "ClaimPending",
      since: ago(590),
      tells: "no default one",
    },
    {
      circumstance: "nothing gives it the volume that its claim names",
      observed: {
        pod: unschedulable("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        children: [{ ...pendingClaim, spec: { volumeName: "nowhere", storageClassName: "" } }],
      },
      reason: "ClaimPending",
      since: ago(590),
      tells: "the volume nowhere that it names does not exist, or another claim has it (kubectl get pv nowhere)",
    },
    {
      circumstance: "the volume that its claim names does not fit",
      observed: {
        pod: unschedulable("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        children: [{ ...pendingClaim, spec: { volumeName: "small", storageClassName: "" } }],
        events: [
          anEvent(
            "PersistentVolumeClaim",
            "VolumeMismatch",
            'Cannot bind to requested volume "small": requested PV is too small',
          ),
        ],
      },
      reason: "ClaimPending",
      since: ago(590),
      tells: 'Cannot bind to requested volume "small": requested PV is too small',
    },
    {
      circumstance: "no volume matches the selector of its claim",
      observed: {
        pod: unschedulable("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        children: [{ ...pendingClaim, spec: { selector: {}, storageClassName: "" } }],
      },
      reason: "ClaimPending",
      since: ago(590),
      tells: "matches its selector",
    },
    {
      circumstance: "the existing claim has no volume",
      observed: {
        server: aServer({ pvc: { enabled: true, existingClaim: "shared" } }),
        pod: {
          ...unschedulable(
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1.",
          ),
          spec: { containers: [], volumes: [{ name: "w", persistentVolumeClaim: { claimName: "shared" } }] },
        } as NonNullable<Observed["pod"]>,
      },
      reason: "ClaimPending",
      since: ago(50),
      tells: '"claim":"shared"',
    },
    {
      circumstance: "its network cannot be set up",
      observed: {
        pod: aPod(),
        events: [
          anEvent(
            "Pod",
            "FailedCreatePodSandBox",
            `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "${"0a".repeat(32)}": plugin type="bridge" failed (add): no addresses left`,
          ),
        ],
      },
      reason: "SandboxFailed",
      since: ago(60),
      tells: 'failed to setup network for sandbox: plugin type="bridge" failed (add): no addresses left',
    },
    {
      circumstance: "its login proxy gets no answer from Jupyter",
      observed: { pod: aSilentLogin() },
      reason: "Starting",
      since: ago(30),
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
  ])("the pod waits because $circumstance → $reason", ({ observed, reason, since, tells }) => {
    const state = podState(anObserved(observed), someSettings());
    expect(state).toMatchObject({ kind: "Waiting", why: { reason }, since });
    expect(JSON.stringify(state).replaceAll('\\"', '"')).toContain(tells ?? reason);
  });

  it("a pod that waits in a queue of Kueue never fails for it", () => {
    const gated = aPod({
      conditions: [aCondition("PodScheduled", "False", { reason: "SchedulingGated", message: "non-empty gates" })],
      spec: { schedulingGates: [{ name: "kueue.x-k8s.io/admission" }] },
    });
    expect(podState(anObserved({ pod: gated }), someSettings())).toEqual({
      kind: "Passing",
      why: { reason: "SchedulingGated", values: { gates: ["kueue.x-k8s.io/admission"] } },
    });
  });

  it("a login server whose image is missing fails for that", () => {
    const pod = aSilentLogin({ waiting: { reason: "InvalidImageName" } });
    expect(podState(anObserved({ pod }), someSettings())).toMatchObject({
      kind: "Failing",
      why: { reason: "InvalidImageName" },
    });
  });

  describe("a pod with a volume that is an image", () => {
    const reference = "registry.example.org/data/set:v1";
    const waiting = (reason: string, message: string): NonNullable<Observed["pod"]> =>
      aPod({
        spec: {
          containers: [{ name: "jupyter-server" }],
          volumes: [{ name: "data", image: { reference } } as Volume], // since 1.35
        },
        containers: [aContainer({ image: "registry.example.org/lab:v1", state: { waiting: { reason, message } } })],
      });

    it.each([
      { text: `Back-off pulling image "${reference}": ErrImagePull: ${reference}: not found`, image: reference },
      { text: `failed to pull and unpack image "${reference}": ${reference}: not found`, image: reference },
      { text: `initializing source docker://${reference}: manifest unknown`, image: reference },
      {
        text: `Back-off pulling image "registry.example.org/lab:v1": manifest unknown`,
        image: "registry.example.org/lab:v1",
      },
    ])("names the image that is missing: $text", ({ text, image }) => {
      const { why } = podState(anObserved({ pod: waiting("ErrImagePull", text) }), someSettings()) as Obstacle;
      expect(why).toEqual({ reason: "ImageNotFound", values: { image } });
    });
  });

  it("an image for other processors is not missing", () => {
    const text = 'failed to pull and unpack image "docker.io/a/b:v1": no match for platform in manifest: not found';
    const state = podState(anObserved({ pod: waitingFor("ErrImagePull", text) }), someSettings());
    expect(state).toMatchObject({ kind: "Failing", why: { reason: "ImagePullFailed" } });
  });

  describe("a pod whose handler after the start fails", () => {
    const spec: PodSpec = {
      containers: [{ name: "jupyter-server", lifecycle: { postStart: { exec: { command: ["false"] } } } }],
    };
    const terminated = { exitCode: 0, reason: "Completed", startedAt: timeAgo(30), finishedAt: timeAgo(29) };
    const backOff = { waiting: { reason: "CrashLoopBackOff", message: "back-off 20s" } };
    const why = {
      reason: "ContainerStartFailed",
      values: { container: "jupyter-server", detail: "its handler lifecycle.postStart failed" },
    };

    it.each([
      { moment: "says so itself", state: { waiting: { reason: "PostStartHookError", message: "secret" } }, events: [] },
      { moment: "waits for the next attempt", state: backOff, events: [ago(55)] },
      { moment: "runs again", state: { running: { startedAt: timeAgo(5) } }, events: [ago(55)] },
    ])("fails for that when its container $moment", ({ state, events }) => {
      const status = aContainer({ restartCount: 1, state, lastState: { terminated } });
      const observed = anObserved({
        pod: aPod({ spec, containers: [status] }),
        events: events.map((at) => anEvent("Pod", "FailedPostStartHook", "PostStartHook failed", at)),
      });
      expect(podState(observed, someSettings())).toMatchObject({ kind: "Failing", why });
    });

    it.each([
      { when: "in that run", at: ago(30), reason: "ContainerStartFailed" },
      { when: "before the pod was ready", at: ago(31), reason: "ContainerFailed" },
    ])("fails for that once it was ready, if the handler failed $when: $reason", ({ at, reason }) => {
      const lastState = { terminated: { ...terminated, exitCode: 143 } };
      const pod = aPod({
        ...{ spec, containers: [aContainer({ restartCount: 1, state: backOff, lastState })] },
        conditions: [aCondition("Ready", "False", { lastTransitionTime: timeAgo(29) })],
      });
      const status = { ...pod.status, startTime: timeAgo(60) };
      const events = [anEvent("Pod", "FailedPostStartHook", "PostStartHook failed", at)];
      expect(podState(anObserved({ pod: { ...pod, status }, events }), someSettings())).toMatchObject({
        why: { reason },
      });
    });

    it.each([
      { because: "ended by itself", end: { exitCode: 1 }, events: [ago(55)], reason: "ContainerFailed" },
      {
        because: "had too little memory",
        end: { exitCode: 137, reason: "OOMKilled" },
        events: [ago(55)],
        reason: "OutOfMemory",
      },
      { because: "is in a pod of another life", end: { exitCode: 143 }, events: [ago(61)], reason: "ContainerFailed" },
    ])("does not fail for that when its container $because", ({ end, events, reason }) => {
      const lastState = { terminated: { ...terminated, ...end } };
      const pod = aPod({ spec, containers: [aContainer({ restartCount: 1, state: backOff, lastState })] });
      const seen = events.map((at) => anEvent("Pod", "FailedPostStartHook", "PostStartHook failed", at));
      expect(podState(anObserved({ pod, events: seen }), someSettings())).toMatchObject({ why: { reason } });
    });
  });

  it("a volume in a zone without a node is no question of labels", () => {
    const pod = unschedulable("0/1 nodes are available: 1 node(s) had volume node affinity conflict. preemption: 0/1.");
    expect(podState(anObserved({ pod }), someSettings())).toMatchObject({ why: { reason: "Unschedulable" } });
  });

  it("the server's own claim is missing for a moment only, and is no mistake of the user", () => {
    const pod = unschedulable('0/1 nodes are available: persistentvolumeclaim "alice" not found.');
    expect(podState(anObserved({ server: aServer({ pvc: { enabled: true } }), pod }), someSettings())).toMatchObject({
      kind: "Passing",
      why: { reason: "Starting" },
    });
  });

  describe("a server to which patches add a claim", () => {
    const message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
    const isUnscheduled = aCondition("PodScheduled", "False", { reason: "Unschedulable", message });
    const aClaim = (childKey: string, name: string, phase: string): LiveChild => {
      const claim = aChild(childKey, "PersistentVolumeClaim", { status: { phase } });
      return { ...claim, metadata: { ...claim.metadata, name } };
    };
    const server = aServer({ pvc: { enabled: true } });
    const about = anEvent("PersistentVolumeClaim", "ProvisioningFailed", "no space left");
    const events = [{ ...about, regardingName: "data" }];

    it("does not wait for it unless its pod mounts it", () => {
      const children = [aClaim("data", "data", "Pending"), aClaim("pvc", "alice", "Bound")];
      const pod = aPod({ conditions: [isUnscheduled] });
      expect(podState(anObserved({ server, pod, children, events }), someSettings())).toMatchObject({
        lasting: { reason: "Unschedulable" },
      });
    });

    it("waits for the claim that the Event is about", () => {
      const children = [aClaim("pvc", "alice", "Pending"), aClaim("data", "data", "Pending")];
      const volumes = ["alice", "data"].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
      const pod = aPod({ spec: { containers: [], volumes }, conditions: [isUnscheduled] });
      expect(podState(anObserved({ server, pod, children, events }), someSettings())).toMatchObject({
        lasting: { reason: "ClaimPending", values: { claim: "data", detail: "no space left" } },
      });
    });
  });

  it("a login server whose Jupyter answers elsewhere fails for that, not for its proxy", () => {
    expect(podState(anObserved({ pod: aSilentLogin() }), someSettings())).toMatchObject({
      lasting: { reason: "NotAnswering", values: { container: "jupyter-server" } },
    });
  });

  it.each([
    { run: "ended by itself", pod: aSilentPod({ ranSeconds: 20 }) },
    { run: "answers now", pod: aSilentPod({ ranSeconds: 300, started: true }) },
    { run: "was running when its node went down", pod: aSilentPod({ ranSeconds: 300, reason: "Unknown" }) },
    {
      run: "waits for another container, which is being created",
      pod: aSilentLogin(undefined, aContainer({ name: "oauth2-proxy" })),
    },
    { run: "was killed for its memory", pod: aSilentPod({ ranSeconds: 300, reason: "OOMKilled" }) },
  ])("a program that $run is not said to answer elsewhere", ({ pod }) => {
    expect(JSON.stringify(podState(anObserved({ pod }), someSettings()))).not.toContain("NotAnswering");
  });

  it.each([
    {
      why: "its finalizers",
      pod: aReadyPod({ metadata: { deletionTimestamp: timeAgo(1), finalizers: ["example.org/keep"] } }),
      lasting: { reason: "PodStuck", values: { detail: "its finalizers are still set: example.org/keep" } },
    },
    {
      why: "a kubelet that says nothing",
      pod: aReadyPod({ metadata: { deletionTimestamp: timeAgo(1) } }),
      lasting: { reason: "PodStuck" },
    },
    {
      why: "a node that is lost, though it never said that the pod was ready",
      pod: aPod({
        metadata: { deletionTimestamp: timeAgo(1) },
        conditions: [aCondition("DisruptionTarget", "True", { reason: "DeletionByTaintManager" })],
      }),
      lasting: { reason: "NodeLost", values: { node: "node-1" } },
    },
  ])("a pod that is kept by $why says so", ({ pod, lasting }) => {
    expect(podState(anObserved({ pod }), someSettings())).toMatchObject({ kind: "Stopping", since: ago(1), lasting });
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
      detail: "container jupyter-server is running but does not respond yet",
    },
    {
      circumstance: "the first of its init containers runs",
      observed: {
        pod: aPod({
          spec: { initContainers: [{ name: "init-certificates" }, { name: "download-image" }] },
          initContainers: [
            aContainer({ name: "download-image" }),
            aContainer({ name: "init-certificates", state: { running: { startedAt: timeAgo(5) } } }),
          ],
        }),
      },
      detail: "container init-certificates has not ended yet",
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
