import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import type { PlanFacts, Warning } from "../facts.ts";
import {
  anUnschedulablePod,
  BROKEN_POD,
  brief,
  conditionOf,
  decideStatus,
  FAILED_PATCH,
  REFUSED_INGRESS,
} from "../testing/status.ts";
import { aCondition, aContainer, aPod, aReadyPod, aServer, timeAgo, type ServerOptions } from "../testing/builders.ts";

const hibernated = { hibernated: true };

const SECRET = { name: "mine", key: "token" };

describe("statusOf", () => {
  it("says what keeps a server from running where clients of 0.24 read it, and nothing of one that runs", () => {
    const { status } = decideStatus({ pod: BROKEN_POD });
    const { message, lastTransitionTime } = conditionOf(status, "Stalled") ?? {};
    expect(message).toContain("image");
    expect(status.events).toEqual({ statefulset: { message, timestamp: lastTransitionTime } });
    const running = decideStatus(
      { pod: aReadyPod() },
      { problems: [{ kind: "ClaimShrinkRefused", from: "2Gi", to: "1Gi" }] },
    );
    expect([running.status.state, running.status.events]).toEqual(["running", undefined]);
  });

  it("speaks of the generation that it saw, in the status and in each condition", () => {
    const { status } = decideStatus({ server: aServer({ metadata: { generation: 7 } }), pod: BROKEN_POD });
    expect(status.observedGeneration).toBe(7);
    expect(status.conditions?.map(({ observedGeneration }) => observedGeneration)).toEqual([7, 7]);
  });

  it("is reconciled again when the grace period of a pod without a node ends", () => {
    expect(decideStatus({ pod: anUnschedulablePod(590) }).checkAgainSeconds).toBe(10);
    expect(decideStatus({ pod: anUnschedulablePod(600) }).checkAgainSeconds).toBeUndefined();
  });

  it("tells of several obstacles in one sentence each, the first being the reason", () => {
    const stalled = conditionOf(decideStatus({ pod: BROKEN_POD }, { problems: [FAILED_PATCH] }).status, "Stalled");
    expect(stalled?.reason).toBe("InvalidPatch");
    expect(stalled?.message).toMatch(/spec\.patches\[0\].*is not a valid image reference/s);
  });

  it("keeps the cause of a failed pull while the kubelet merely says that it waits before the next try", () => {
    const pulling = (message: string): Observed["pod"] =>
      aPod({ containers: [aContainer({ state: { waiting: { reason: "ImagePullBackOff", message } } })] });
    const first = decideStatus({ pod: pulling("manifest unknown") }).status;
    const then = decideStatus({ server: aServer({ status: first }), pod: pulling('Back-off pulling image "a/b"') });
    expect(brief(conditionOf(then.status, "Stalled"))).toBe("True ImageNotFound");
    expect(then.events).toEqual([]);
  });

  it.each<{ what: string; options: ServerOptions; reason: string }>([
    { what: "token", options: { auth: { tokenSecretRef: SECRET } }, reason: "TokenChanged" },
    {
      what: "client secret of the login",
      options: {
        auth: { tokenSecretRef: { ...SECRET, name: "other" } },
        oidc: { enabled: true, clientSecret: { secretKeyRef: SECRET } },
      },
      reason: "ClientSecretChanged",
    },
  ])("says first that the $what in the user's Secret changed, by the Secret's name", ({ options, reason }) => {
    const server = aServer(options);
    const pendingFields = ["jupyterServer.image"];
    const { status } = decideStatus({ server, pod: aReadyPod(), isCredentialChanged: true }, { pendingFields });
    const pending = conditionOf(status, "UpdatePending");
    expect(brief(pending)).toBe(`True ${reason}`);
    expect(pending?.message).toMatch(/Secret mine .*jupyterServer\.image/);
  });

  it.each<{ when: string; pod: Observed["pod"]; restarting: boolean }>([
    { when: "a restart is about to bring them", pod: aReadyPod(), restarting: true },
    {
      when: "the pod is terminating",
      pod: aReadyPod({ metadata: { deletionTimestamp: timeAgo(1) } }),
      restarting: false,
    },
  ])("does not say that changes wait when $when", ({ pod, restarting }) => {
    const { status } = decideStatus({ pod }, { pendingFields: ["jupyterServer.image"], restarting });
    expect(conditionOf(status, "UpdatePending")).toBeUndefined();
  });

  it("does not quote what the API server says about a Secret", () => {
    const failure = {
      ...REFUSED_INGRESS,
      childKey: "secret",
      kind: "Secret",
      code: 422,
      message: "invalid value: geheim",
    };
    expect(JSON.stringify(decideStatus({ failures: [failure] }).status)).not.toContain("geheim");
  });

  it.each<{ says: string; facts: Partial<PlanFacts>; pod?: Observed["pod"]; condition: string; reason: string }>([
    {
      says: "a changed image waits for the next start",
      facts: { pendingFields: ["jupyterServer.image"] },
      condition: "UpdatePending",
      reason: "ChangesWaiting",
    },
    {
      says: "0.24 created the pod",
      facts: { legacyLayout: true },
      condition: "UpdatePending",
      reason: "PredecessorLayout",
    },
    {
      says: "the number of GPUs changes",
      facts: { resize: { kind: "NotPossible", because: "GPUs" } },
      condition: "UpdatePending",
      reason: "ResizeNotPossible",
    },
    {
      says: "the node has no room for the new resources",
      facts: {},
      pod: aReadyPod({
        conditions: [aCondition("PodResizePending", "True", { reason: "Deferred", message: "no room" })],
      }),
      condition: "UpdatePending",
      reason: "ResizeDeferred",
    },
    {
      says: "the node is too small for the new resources",
      facts: {},
      pod: aReadyPod({ conditions: [aCondition("PodResizePending", "True", { reason: "Infeasible" })] }),
      condition: "UpdatePending",
      reason: "ResizeInfeasible",
    },
    ...(
      [
        [{ kind: "OpenServer" }, "AccessWarning", "OpenWithoutAccessControl"],
        [{ kind: "InsecureLogin", host: "h" }, "AccessWarning", "PlainHttpOidc"],
        [{ kind: "UnverifiedEmailsCount" }, "AccessWarning", "UnverifiedEmailsCount"],
        [{ kind: "NobodyAuthorized" }, "AccessWarning", "NobodyAuthorized"],
        [{ kind: "PatchSkipped", patchIndex: 1, path: "/a", reason: "r" }, "PatchWarning", "PatchOperationSkipped"],
        [{ kind: "SkipAuthRouteIgnored", args: ["--x"] }, "PatchWarning", "SkipAuthRouteIgnored"],
        [{ kind: "TokenIssuerIgnored", args: ["--x"] }, "PatchWarning", "TokenIssuerIgnored"],
        [{ kind: "EmailDomainIgnored", domains: ["example.org"] }, "AccessWarning", "EmailDomainIgnored"],
        [{ kind: "AuthoritiesNotShared", files: ["/ca.crt"] }, "PatchWarning", "AuthoritiesNotShared"],
        [{ kind: "HibernatedWithoutVolume" }, "StorageWarning", "HibernatedWithoutVolume"],
        [{ kind: "RootDirOutsideVolume", rootDir: "/a", mountPath: "/b" }, "StorageWarning", "RootDirOutsideVolume"],
      ] as const satisfies readonly (readonly [Warning, string, string])[]
    ).map(([warning, condition, reason]) => ({
      says: warning.kind,
      facts: { warnings: [warning] },
      condition,
      reason,
    })),
  ])("$condition says that $says", ({ facts, pod = aReadyPod(), condition, reason }) => {
    const { status } = decideStatus({ pod }, facts);
    expect(brief(conditionOf(status, condition))).toBe(`True ${reason}`);
    expect(status.state).toBe("running");
  });

  it.each([
    { server: "without a pod", observed: {} },
    {
      server: "whose pod is being stopped",
      observed: { server: aServer({ jupyterServer: hibernated }), pod: aReadyPod() },
    },
  ])("has nothing pending for a server $server", ({ observed }) => {
    expect(conditionOf(decideStatus(observed, { legacyLayout: true }).status, "UpdatePending")).toBeUndefined();
  });

  describe("for clients of 0.24", () => {
    it("tells the address twice", () => {
      const { status } = decideStatus({ pod: aReadyPod() });
      expect(status.url).toBe("http://hub.example.org/sessions/alice");
      expect(status.create_fn?.fullServerURL).toBe(status.url);
    });

    it.each([
      { state: "starting", observed: {}, field: "startingSince" },
      { state: "failed", observed: { pod: BROKEN_POD }, field: "failedSince" },
      { state: "hibernated", observed: { server: aServer({ jupyterServer: hibernated }) }, field: "hibernatedSince" },
    ] as const)("$field is set on entering $state, kept, and cleared afterwards", ({ observed, field, state }) => {
      const entered = decideStatus(observed).status;
      expect(entered.state).toBe(state);
      expect(entered[field]).toBe("2026-03-01T12:00:00+00:00");
      const since = { state, [field]: "2026-01-01T00:00:00+00:00" };
      const { spec } = "server" in observed ? observed.server : aServer();
      const kept = decideStatus({ ...observed, server: { ...aServer({ status: since }), spec } }).status;
      expect(kept[field]).toBe("2026-01-01T00:00:00+00:00");
      const left = decideStatus({ server: aServer({ status: since }), pod: aReadyPod() }).status;
      expect([left.startingSince, left.failedSince, left.hibernatedSince]).toEqual([undefined, undefined, undefined]);
    });

    it("takes the time of a hibernation from the annotation that a client wrote", () => {
      const annotations = { "renku.io/hibernationDate": "2026-02-01T08:00:00+00:00" };
      const metadata = { annotations, creationTimestamp: "2026-01-01T00:00:00Z" };
      const { status } = decideStatus({ server: aServer({ metadata, jupyterServer: hibernated }) });
      expect(status.hibernatedSince).toBe("2026-02-01T08:00:00+00:00");
    });

    it("shows the containers of a hibernated server as waiting, also when the pod is gone", () => {
      const containerStates = { init: {}, regular: { "jupyter-server": "ready" } } as const;
      const server = aServer({ jupyterServer: hibernated, status: { state: "running", containerStates } });
      expect(decideStatus({ server }).status.containerStates?.regular).toEqual({ "jupyter-server": "waiting" });
    });
  });
});
