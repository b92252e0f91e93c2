import type { JupyterServer, Patch } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { decide as decideAll } from "../decide.ts";
import type { Decision } from "../decision.ts";
import type { PolicySettings } from "../policy/policy-settings.ts";
import { podSecurityViolations } from "../policy/pod-security.ts";
import { objectOf, valueAt } from "../values/json.ts";
import type { Observed } from "../live/observed.ts";
import { anObserved, aServer, NOW, someSettings, somePolicy, type ServerOptions } from "../testing/builders.ts";
import { aCertificate, aTlsSecret } from "../testing/certificates.ts";
import { carryOut, change, decide, running, subject, withChild } from "../testing/simulated-world.ts";

const settingsWith = (policy: Partial<PolicySettings>): ReturnType<typeof someSettings> =>
  someSettings({ policy: somePolicy(policy) });

/** Merge patch of the pod. */
function podPatch(spec: object): readonly Patch[] {
  return [{ type: "application/merge-patch+json", patch: { statefulset: { spec: { template: { spec } } } } }];
}

const jsonPatch = (path: string, value: unknown): readonly Patch[] => [
  { type: "application/json-patch+json", patch: [{ op: "add", path, value }] },
];

const CONTAINERS = "/statefulset/spec/template/spec/containers";

const hostPath = (path: string): readonly Patch[] =>
  jsonPatch("/statefulset/spec/template/spec/volumes/-", { name: "host", hostPath: { path } });

const TOKEN_TYPE = "kubernetes.io/service-account-token";
const TOKEN_OF = "kubernetes.io/service-account.name";

/** A Secret into which Kubernetes puts a token of a service account, mounted. */
const tokenOf = (account: string): readonly Patch[] => [
  {
    type: "application/json-patch+json",
    patch: [
      {
        ...{ op: "add", path: "/stolen" },
        value: {
          ...{ apiVersion: "v1", kind: "Secret", type: TOKEN_TYPE },
          metadata: { name: "stolen", annotations: { [TOKEN_OF]: account } },
        },
      },
      {
        ...{ op: "add", path: "/statefulset/spec/template/spec/volumes/-" },
        value: { name: "stolen", secret: { secretName: "stolen" } },
      },
    ],
  },
];

function stalled({ status }: Decision): { readonly reason: string; readonly message: string } | undefined {
  return status.conditions?.find(({ type }) => type === "Stalled");
}

const oidc = {
  ...{ enabled: true, issuerUrl: "https://id.example.org", clientId: "a", allowAnyUser: true },
  ...{ clientSecret: { value: "s" }, trustedCA: { configMapName: "ca", key: "ca.crt" } },
};

describe("the pods that the controller itself makes", () => {
  it.each<{ what: string; options: ServerOptions }>([
    { what: "a token", options: {} },
    { what: "a login", options: { oidc, routing: { tls: { enabled: true } } } },
    { what: "a volume and shared memory", options: { pvc: { enabled: true }, jupyterServer: { shmSize: "1Gi" } } },
    { what: "an existing claim", options: { pvc: { enabled: true, existingClaim: "data" } } },
    {
      what: "ids of its own",
      options: { jupyterServer: { securityContext: { runAsUser: 7, supplementalGroups: [8] } } },
    },
    { what: "ids that the platform assigns", options: { jupyterServer: { securityContext: {} } } },
    { what: "more ports", options: { jupyterServer: { extraPorts: [{ name: "dashboard", containerPort: 8787 }] } } },
  ])("meet the restricted Pod Security level with $what", ({ options }) => {
    const { plan } = decide(anObserved({ server: aServer(options) }), settingsWith({ podSecurity: "restricted" }));
    const applied = plan.find((action) => action.kind === "Apply" && action.childKey === "statefulset");
    const template = objectOf(valueAt(applied, "manifest", "spec", "template"));
    expect(template["spec"]).toBeDefined();
    expect(podSecurityViolations(template, "restricted")).toEqual([]);
  });
});

describe("a new server", () => {
  it.each<{ patches: readonly Patch[]; rule: string; field: string }>([
    { patches: podPatch({ hostPID: true }), rule: "hostNamespaces", field: "spec.template.spec.hostPID" },
    { patches: podPatch({ hostNetwork: true }), rule: "hostNamespaces", field: "spec.template.spec.hostNetwork" },
    { patches: hostPath("/"), rule: "hostPathVolumes", field: "spec.template.spec.volumes[host].hostPath" },
    {
      patches: jsonPatch(`${CONTAINERS}/0/securityContext/privileged`, true),
      rule: "privileged",
      field: "spec.template.spec.containers[jupyter-server].securityContext.privileged",
    },
    {
      patches: jsonPatch("/statefulset/spec/template/spec/initContainers/-", {
        name: "init",
        securityContext: { capabilities: { add: ["SYS_ADMIN"] } },
      }),
      rule: "capabilities",
      field: "spec.template.spec.initContainers[init].securityContext.capabilities.add",
    },
  ])("whose patches violate the control $rule is not created, and says so", ({ patches, rule, field }) => {
    const decision = decideAll(anObserved({ server: aServer({ patches }) }), someSettings(), NOW);
    expect(decision.plan).toEqual([]);
    expect(decision.status.state).toBe("failed");
    expect(stalled(decision)).toMatchObject({
      reason: "PodSecurity",
      message: expect.stringContaining(`control ${rule} of the Pod Security level baseline: ${field}`),
    });
  });

  it("is not made with a job of a listed kind whose pod breaks a rule, while the rest of it is", () => {
    const job = {
      apiVersion: "batch/v1",
      kind: "Job",
      spec: { template: { spec: { hostIPC: true, containers: [] } } },
    };
    const extraChildKinds = [{ apiVersion: "batch/v1", kind: "Job", plural: "jobs" }];
    const settings = someSettings({ extraChildKinds });
    const { plan, facts } = decide(anObserved({ server: aServer({ patches: jsonPatch("/job", job) }) }), settings);
    expect(plan.map(subject)).toContain("statefulset");
    expect(plan.map(subject)).not.toContain("job");
    expect(facts.problems).toMatchObject([{ kind: "PodSecurityViolated", childKey: "job", rule: "hostNamespaces" }]);
  });

  it("is checked against the level of its Namespace where that is stricter", () => {
    const patches = jsonPatch(`${CONTAINERS}/0/securityContext/runAsUser`, 0);
    const world = anObserved({ server: aServer({ patches }) });
    expect(decide(world).facts.problems).toEqual([]);
    const restricted = { ...world, namespacePolicy: { podSecurity: "restricted" } as const };
    expect(decide(restricted).facts.problems).toMatchObject([{ level: "restricted", rule: "runAsUser" }]);
    const lenient = decide(restricted, settingsWith({ podSecurity: "privileged" }));
    expect(lenient.facts.problems).toMatchObject([{ level: "restricted" }]);
  });

  it("may do as it likes where the administrator chose privileged", () => {
    const { plan } = decide(
      anObserved({ server: aServer({ patches: hostPath("/") }) }),
      settingsWith({ podSecurity: "privileged" }),
    );
    expect(plan.map(subject)).toContain("statefulset");
  });

  it.each<{ setting: string; policy: Partial<PolicySettings>; options: ServerOptions; field: string }>([
    {
      setting: "images",
      policy: { images: ["registry.example.org/**"] },
      options: {},
      field: "spec.template.spec.containers[jupyter-server].image",
    },
    {
      setting: "images",
      policy: { images: ["jupyter/**"] },
      options: { patches: jsonPatch(`${CONTAINERS}/-`, { name: "oauth2-proxy", image: "evil.example.org/a" }) },
      field: "spec.template.spec.containers[oauth2-proxy].image",
    },
    {
      setting: "serviceAccounts",
      policy: { serviceAccounts: ["jupyter-*"] },
      options: { jupyterServer: { serviceAccountName: "admin" } },
      field: "spec.template.spec.serviceAccountName",
    },
    {
      setting: "serviceAccounts",
      policy: { serviceAccounts: ["jupyter-*"] },
      options: { patches: tokenOf("admin") },
      field: "metadata.annotations[kubernetes.io/service-account.name]",
    },
    {
      setting: "serviceAccounts",
      policy: { serviceAccounts: [] },
      options: {
        patches: [
          {
            type: "application/merge-patch+json",
            patch: { secret: { type: TOKEN_TYPE, metadata: { annotations: { [TOKEN_OF]: "default" } } } },
          },
        ],
      },
      field: "metadata.annotations[kubernetes.io/service-account.name]",
    },
    {
      setting: "priorityClasses",
      policy: {},
      options: { jupyterServer: { priorityClassName: "system-node-critical" } },
      field: "spec.template.spec.priorityClassName",
    },
    {
      setting: "priorityClasses",
      policy: { priorityClasses: ["jupyter-*"] },
      options: { patches: podPatch({ priorityClassName: "production" }) },
      field: "spec.template.spec.priorityClassName",
    },
    {
      setting: "secrets",
      policy: { secrets: [] },
      options: { jupyterServer: { extraVolumes: [{ name: "s", secret: { secretName: "database" } }] } },
      field: "spec.template.spec.volumes[s].secret.secretName",
    },
    {
      setting: "secrets",
      policy: { secrets: ["public-*"] },
      options: { jupyterServer: { imagePullSecrets: [{ name: "public-registry" }, { name: "registry" }] } },
      field: "spec.template.spec.imagePullSecrets.name",
    },
    {
      setting: "secrets",
      policy: { secrets: [] },
      options: {
        patches: jsonPatch(`${CONTAINERS}/0/env/-`, {
          name: "A",
          valueFrom: { secretKeyRef: { name: "database", key: "password" } },
        }),
      },
      field: "valueFrom.secretKeyRef.name",
    },
    {
      setting: "maxResources.memory",
      policy: { maxResources: { memory: "4Gi" } },
      options: { jupyterServer: { resources: { limits: { memory: "8Gi" } } } },
      field: "spec.template.spec.containers[*].resources.limits.memory",
    },
    {
      setting: "maxResources.cpu",
      policy: { maxResources: { cpu: "2" } },
      options: { jupyterServer: { resources: { requests: { cpu: 1 } } } },
      field: "spec.template.spec.containers[jupyter-server].resources.limits.cpu",
    },
    {
      setting: "maxResources.nvidia.com/gpu",
      policy: { maxResources: { "nvidia.com/gpu": "0" } },
      options: { jupyterServer: { resources: { limits: { "nvidia.com/gpu": 1 } } } },
      field: "spec.template.spec.containers[*].resources.limits.nvidia.com/gpu",
    },
    {
      setting: "maxResources.storage",
      policy: { maxResources: { storage: "1Gi" } },
      options: { size: "2Gi", pvc: { enabled: true } },
      field: "spec.resources.requests.storage",
    },
    {
      setting: "patches.kinds",
      policy: { patches: { kinds: ["ConfigMap"], paths: ["*"] } },
      options: { patches: jsonPatch("/ingress/metadata/annotations", { a: "b" }) },
      field: "/ingress/metadata/annotations",
    },
    {
      setting: "patches.kinds",
      policy: { patches: { kinds: [], paths: ["*"] } },
      options: { patches: [{ type: "application/merge-patch+json", patch: { networkpolicy: null } }] },
      field: "/networkpolicy",
    },
    {
      setting: "patches.paths",
      policy: { patches: { kinds: ["*"], paths: [`${CONTAINERS}/*/env`] } },
      options: { patches: jsonPatch(`${CONTAINERS}/0/command`, ["bash"]) },
      field: `${CONTAINERS}/0/command`,
    },
    {
      setting: "services.types",
      policy: {},
      options: { patches: jsonPatch("/service/spec/type", "LoadBalancer") },
      field: "spec.type",
    },
    {
      setting: "secrets",
      policy: { secrets: ["allowed-*"] },
      options: {
        jupyterServer: {
          envFrom: [{ secretRef: { name: "allowed-a" } }, { secretRef: { name: "others" } }],
        },
      },
      field: "spec.template.spec.containers[jupyter-server].envFrom[1].secretRef.name",
    },
    {
      setting: "maxResources.memory",
      policy: { maxResources: { memory: "1Gi" } },
      options: {
        oidc,
        routing: { tls: { enabled: true } },
        jupyterServer: {
          resources: { limits: { memory: "1Gi" } },
          sidecarResources: { authorization: { limits: { memory: "2Gi" } } },
        },
      },
      field: "spec.template.spec.containers[*].resources.limits.memory",
    },
    {
      setting: "maxResources.memory",
      policy: { maxResources: { memory: "4Gi" } },
      options: {
        oidc,
        routing: { tls: { enabled: true } },
        jupyterServer: {
          resources: { limits: { memory: "3Gi" } },
          sidecarResources: { traefik: { limits: { memory: "1Gi" } }, oauth2Proxy: { limits: { memory: "1Gi" } } },
        },
      },
      field: "spec.template.spec.containers[*].resources.limits.memory",
    },
    {
      setting: "maxResources.memory",
      policy: { maxResources: { memory: "4Gi" } },
      options: {
        oidc,
        routing: { tls: { enabled: true } },
        jupyterServer: { resources: { limits: { memory: "4Gi" } }, sidecarResources: { authorization: {} } },
      },
      field: "spec.template.spec.containers[authorization].resources.limits.memory",
    },
    {
      setting: "services.externalIPs",
      policy: { services: { types: ["NodePort"], externalIPs: false } },
      options: {
        patches: [
          {
            type: "application/merge-patch+json",
            patch: { service: { spec: { type: "NodePort", externalIPs: ["192.0.2.1"] } } },
          },
        ],
      },
      field: "spec.externalIPs",
    },
  ])("that goes beyond $setting is refused what does, with $field named", ({ setting, policy, options, field }) => {
    const decision = decideAll(anObserved({ server: aServer(options) }), settingsWith(policy), NOW);
    expect(stalled(decision)?.reason).toBe("NotAllowed");
    expect(stalled(decision)?.message).toContain(`policy.${setting})`);
    expect(stalled(decision)?.message).toContain(field);
    expect(decision.status.state).toBe("failed");
  });

  describe("where patches are limited", () => {
    const patches = { kinds: ["*"], paths: [`${CONTAINERS}/*/env`] };
    const reasonWith = (options: ServerOptions, policy: Partial<PolicySettings>): string | undefined =>
      stalled(decideAll(anObserved({ server: aServer(options) }), settingsWith(policy), NOW))?.message;

    it.each<{ field: string; options: ServerOptions }>([
      {
        field: "jupyterServer.automountServiceAccountToken",
        options: { jupyterServer: { automountServiceAccountToken: true } },
      },
      {
        field: "jupyterServer.extraPorts",
        options: { jupyterServer: { extraPorts: [{ name: "a", containerPort: 8787 }] } },
      },
      { field: "jupyterServer.podAnnotations", options: { jupyterServer: { podAnnotations: { a: "b" } } } },
      { field: "jupyterServer.podLabels", options: { jupyterServer: { podLabels: { a: "b" } } } },
      { field: "jupyterServer.runtimeClassName", options: { jupyterServer: { runtimeClassName: "kata" } } },
      { field: "storage.pvc.selector", options: { pvc: { enabled: true, selector: { matchLabels: { a: "b" } } } } },
      { field: "storage.pvc.volumeName", options: { pvc: { enabled: true, volumeName: "data" } } },
    ])("may use $field only if a setting allows it", ({ field, options }) => {
      expect(reasonWith(options, { patches })).toContain("(chart value policy.fields)");
      expect(reasonWith(options, { patches })).toContain(`spec.${field}.`);
      expect(reasonWith(options, { patches, fields: [field] })).toBeUndefined();
      expect(reasonWith(options, {})).toBeUndefined();
    });

    it.each(["serviceAccountToken", "podCertificate"])("have no volume with a %s where none is mounted", (source) => {
      const volume = { name: "identity", projected: { sources: [{ [source]: { path: "token" } }] } };
      const options = { jupyterServer: { extraVolumes: [{ name: "scratch", emptyDir: {} }, volume] } };
      expect(reasonWith(options, { patches })).toContain("spec.jupyterServer.extraVolumes.");
      const fields = ["jupyterServer.automountServiceAccountToken"];
      expect(reasonWith(options, { patches, fields })).toBeUndefined();
      const serverDefaults = { jupyterServer: { extraVolumes: [volume] } };
      const settings = someSettings({ policy: somePolicy({ patches }), serverDefaults });
      expect(stalled(decideAll(anObserved({ server: aServer(options) }), settings, NOW))).toBeUndefined();
    });

    it("may say no to a token, and have what is a default for all servers", () => {
      const no = { automountServiceAccountToken: false, podLabels: {}, extraPorts: [] };
      expect(reasonWith({ jupyterServer: no }, { patches })).toBeUndefined();
      const jupyterServer = { podLabels: { team: "a" } };
      const settings = someSettings({ policy: somePolicy({ patches }), serverDefaults: { jupyterServer } });
      expect(stalled(decideAll(anObserved({ server: aServer({}) }), settings, NOW))).toBeUndefined();
      const other = aServer({ jupyterServer: { podLabels: { team: "b" } } });
      expect(stalled(decideAll(anObserved({ server: other }), settings, NOW))?.message).toContain(
        "spec.jupyterServer.podLabels.",
      );
    });
  });

  it.each([
    { restartPolicy: undefined, isAllowed: true },
    { restartPolicy: "Always", isAllowed: false },
  ])("may have as much again before it starts, not beside it: $restartPolicy", ({ restartPolicy, isAllowed }) => {
    const limits = { memory: "3Gi" };
    const init = { name: "prepare", image: "jupyter/a", resources: { limits }, restartPolicy };
    const patches = jsonPatch("/statefulset/spec/template/spec/initContainers/-", init);
    const observed = anObserved({ server: aServer({ jupyterServer: { resources: { limits } }, patches }) });
    const { problems } = decide(observed, settingsWith({ maxResources: { memory: "4Gi" } })).facts;
    expect(problems.map(({ kind }) => kind)).toEqual(isAllowed ? [] : ["NotAllowed"]);
  });

  it.each([
    { priorityClasses: ["*"], priorityClassName: "high" },
    { priorityClasses: ["system-cluster-*"], priorityClassName: "system-cluster-critical" },
  ])("may have the priority class $priorityClassName where $priorityClasses are allowed", (one) => {
    const { priorityClasses, priorityClassName } = one;
    const world = anObserved({ server: aServer({ jupyterServer: { priorityClassName } }) });
    expect(decide(world, settingsWith({ priorityClasses })).facts.problems).toEqual([]);
  });

  it("that stays within all settings is made", () => {
    const settings = settingsWith({
      podSecurity: "restricted",
      patches: { kinds: ["StatefulSet"], paths: ["/service", `${CONTAINERS}/*/env`] },
      ...{ serviceAccounts: [], secrets: ["idp"], images: ["jupyter/**"], serversPerNamespace: 1 },
      maxResources: { cpu: "2", memory: "4Gi", storage: "2Gi", "nvidia.com/gpu": "1" },
      services: { types: ["ClusterIP"], externalIPs: false },
    });
    const server = aServer({
      oidc: { ...oidc, clientSecret: { secretKeyRef: { name: "idp", key: "secret" } } },
      ...{ routing: { tls: { enabled: true } }, size: "2Gi", pvc: { enabled: true } },
      jupyterServer: { resources: { limits: { cpu: 2, memory: "4Gi" } }, serviceAccountName: "default" },
      patches: jsonPatch(`${CONTAINERS}/0/env/-`, { name: "A", value: "b" }),
    });
    const { plan, facts } = decide(anObserved({ server }), settings);
    expect(facts.problems).toEqual([]);
    expect(plan.map(subject)).toContain("statefulset");
  });

  it("that is one too many in its namespace waits, and nothing of it is made", () => {
    const settings = settingsWith({ serversPerNamespace: 2 });
    const decision = decideAll(anObserved({ olderServers: 2 }), settings, NOW);
    expect(decision.plan).toEqual([]);
    expect(stalled(decision)).toMatchObject({
      reason: "TooManyServers",
      message: expect.stringContaining("2 servers"),
    });
    expect(decide(anObserved({ olderServers: 1 }), settings).plan.map(subject)).toContain("statefulset");
  });
});

describe("a field of the spec that the Pod Security Standards speak of", () => {
  const hook = { httpGet: { host: "169.254.169.254", port: 80 } };
  const profile = "container.apparmor.security.beta.kubernetes.io/jupyter-server";

  it.each<{ rule: string; jupyterServer: NonNullable<ServerOptions["jupyterServer"]> }>([
    { rule: "hostProbesAndHostLifecycle", jupyterServer: { lifecycle: { postStart: hook } } },
    { rule: "appArmorProfile", jupyterServer: { podAnnotations: { [profile]: "unconfined" } } },
  ])("is checked against the control $rule as a patch is", ({ rule, jupyterServer }) => {
    const decision = decideAll(anObserved({ server: aServer({ jupyterServer }) }), someSettings(), NOW);
    expect(decision.plan).toEqual([]);
    expect(stalled(decision)).toMatchObject({
      reason: "PodSecurity",
      message: expect.stringContaining(`control ${rule} `),
    });
  });
});

describe("a default for all servers", () => {
  it("is checked against what the administrator allows, as a spec is", () => {
    const settings = someSettings({
      policy: somePolicy({ images: ["registry.example.org/**"] }),
      serverDefaults: { jupyterServer: { image: "elsewhere.example.org/lab:1" } },
    });
    const decision = decideAll(anObserved(), settings, NOW);
    expect(stalled(decision)).toMatchObject({ reason: "NotAllowed", message: expect.stringContaining("elsewhere") });
  });
});

describe("a server that runs", () => {
  /** Runs with a patch that nothing forbade when it was made; no record was taken of it. */
  function ranBefore(options: ServerOptions): Observed {
    const start = anObserved({ server: aServer(options) });
    return carryOut(start, decide(start, settingsWith({ podSecurity: "privileged" })).plan);
  }

  const withStatus = (world: Observed, { status }: Decision, options: ServerOptions): Observed =>
    change(world, { ...options, status: status as NonNullable<JupyterServer["status"]> });

  it("keeps what it had before the rule, is warned, and may not have anything new", () => {
    const world = ranBefore({ patches: hostPath("/data") });
    const first = decideAll(world, someSettings(), NOW);
    expect(first.plan).toEqual([]);
    expect(first.status).toMatchObject({
      state: "running",
      toleratedViolations: ["StatefulSet alice: hostPathVolumes spec.template.spec.volumes[host].hostPath=/data"],
    });
    expect(first.status.conditions).toContainEqual(
      expect.objectContaining({ type: "PolicyWarning", reason: "ViolationTolerated" }),
    );
    const more = decideAll(withStatus(world, first, { patches: hostPath("/etc") }), someSettings(), NOW);
    expect(more.plan).toEqual([]);
    expect(stalled(more)?.reason).toBe("PodSecurity");
    expect(more.status).toMatchObject({
      state: "running",
      toleratedViolations: first.status.toleratedViolations,
    });
  });

  it("starts again with what is tolerated, and with nothing else", () => {
    const world = ranBefore({ patches: hostPath("/data") });
    const recorded = decideAll(world, someSettings(), NOW);
    const asleep = { jupyterServer: { hibernated: true }, patches: hostPath("/data") };
    const hibernated = withStatus(world, recorded, asleep);
    const stopped = carryOut(hibernated, decide(hibernated).plan);
    const resumed = withStatus(stopped, recorded, { patches: hostPath("/data") });
    expect(decide(resumed).plan.map(subject)).toContain("statefulset");
    const tampered = withStatus(stopped, recorded, { patches: podPatch({ hostPID: true }) });
    expect(decide(tampered).plan.map(subject)).not.toContain("statefulset");
  });

  it("does not start again with the token of a service account that is no longer allowed", () => {
    const asleep = running({ patches: tokenOf("jupyter-a"), jupyterServer: { hibernated: true } });
    const world = change(asleep, { patches: tokenOf("jupyter-a"), jupyterServer: { hibernated: false } });
    const planWith = (serviceAccounts: readonly string[]): readonly string[] =>
      decide(world, settingsWith({ serviceAccounts })).plan.map(({ kind }) => kind);
    expect(planWith(["jupyter-*"])).toContain("Apply");
    expect(planWith([])).not.toContain("Scale");
    expect(planWith([])).not.toContain("Apply");
  });

  it("gains nothing by writing into its StatefulSet once it has been checked", () => {
    const world = running();
    const recorded = decideAll(world, someSettings(), NOW);
    expect(recorded.status.toleratedViolations).toEqual([]);
    const edited = withChild(world, "StatefulSet", (child) => {
      const spec = objectOf(valueAt(child.spec, "template", "spec"));
      return { ...child, spec: { ...child.spec, template: { spec: { ...spec, hostPID: true } } } };
    });
    const patched = withStatus(edited, recorded, { patches: podPatch({ hostPID: true }) });
    expect(stalled(decideAll(patched, someSettings(), NOW))?.reason).toBe("PodSecurity");
  });

  it("is not stopped by a strict level, and does not start again under it with an old template", () => {
    const strict = settingsWith({ podSecurity: "baseline" });
    const world = ranBefore({ patches: hostPath("/data") });
    const decision = decideAll(world, strict, NOW);
    expect(decision.plan).toEqual([]);
    expect(decision.status.state).toBe("running");
    expect(stalled(decision)?.reason).toBe("PodSecurity");
    const hibernated = change(world, { jupyterServer: { hibernated: true }, patches: hostPath("/data") });
    const stopped = carryOut(hibernated, decide(hibernated, strict).plan);
    expect(stopped.pod).toBeUndefined();
    const resumed = change(stopped, { patches: hostPath("/data") });
    expect(decide(resumed, strict).plan.filter(({ kind }) => kind === "Scale" || kind === "Apply")).toEqual([]);
    expect(decide(resumed).plan.map(subject)).toContain("statefulset");
  });

  it("keeps a Service that it had before other types were forbidden", () => {
    const patches = jsonPatch("/service/spec/type", "NodePort");
    const start = anObserved({ server: aServer({ patches }) });
    const lenient = settingsWith({ services: { types: ["NodePort"], externalIPs: false } });
    const world = carryOut(start, decide(start, lenient).plan);
    expect(decide(world).facts.problems).toEqual([]);
    const strict = settingsWith({ services: { types: ["ClusterIP"], externalIPs: false } });
    const refused = decide(world, strict);
    expect(refused.facts.problems).toMatchObject([{ kind: "NotAllowed", setting: "services.types" }]);
    expect(refused.plan).toEqual([]);
  });

  it("is not hurt by a limit on the servers of its namespace", () => {
    const world = { ...running(), olderServers: 9 };
    expect(decide(world, settingsWith({ serversPerNamespace: 1 }))).toMatchObject({
      plan: [],
      facts: { problems: [] },
    });
  });
});

describe("the routes of a server", () => {
  const anIngress = (rule: object): object => ({ apiVersion: "networking.k8s.io/v1", kind: "Ingress", spec: rule });
  const aRule = (host: string, path: string): object => ({ rules: [{ host, http: { paths: [{ path }] } }] });

  it("do not come to include those of another server by an Ingress that a patch adds", () => {
    const patches = jsonPatch("/extra", anIngress(aRule("hub.example.org", "/sessions/bob")));
    const world = anObserved({
      server: aServer({ patches }),
      ruleTakenBy: ({ path }) => (path === "/sessions/bob" ? "team-b/bob" : undefined),
    });
    const decision = decideAll(world, someSettings(), NOW);
    expect(decision.plan.map(subject)).toContain("ingress");
    expect(decision.plan.map(subject)).not.toContain("extra");
    expect(stalled(decision)).toMatchObject({
      reason: "RouteTaken",
      message: expect.stringContaining("hub.example.org/sessions/bob is already routed to the server team-b/bob."),
    });
  });

  it.each([
    { what: "a second rule in its own Ingress", path: "/ingress/spec/rules/-", value: { host: "other.example.org" } },
    { what: "a default backend", path: "/ingress/spec/defaultBackend", value: { service: { name: "alice" } } },
    { what: "another host in its own rule", path: "/ingress/spec/rules/0/host", value: "other.example.org" },
    {
      what: "another path of its own host",
      path: "/ingress/spec/rules/0/http/paths/-",
      value: { path: "/sessions/bob" },
    },
  ])("are all checked, with $what too, and what serves stays meanwhile", ({ path, value }) => {
    const before = running();
    const ruleTakenBy: Observed["ruleTakenBy"] = (rule) =>
      rule.host === "hub.example.org" && rule.path === "/sessions/alice" ? undefined : "team-b/bob";
    const world = { ...change(before, { patches: jsonPatch(path, value) }), ruleTakenBy };
    const { plan, facts } = decide(world);
    expect(facts.problems).toMatchObject([{ kind: "RuleTaken", childKey: "ingress", holder: "team-b/bob" }]);
    expect(plan).toEqual([]);
  });

  it("are the server's own where its pod was started for one and its spec has another", () => {
    const moved = change(running(), { routing: { path: "/new" } });
    expect(decide({ ...moved, ruleTakenBy: () => "team-b/bob" }).facts.problems).toEqual([]);
  });

  it("stay with a server whose Ingress serves them, whoever asks for them later", () => {
    const decision = decideAll({ ...running(), routeHolder: "team-b/bob" }, someSettings(), NOW);
    expect(decision.plan).toEqual([]);
    expect(decision.status.state).toBe("running");
    expect(stalled(decision)?.reason).toBe("RouteTaken");
  });

  it.each([
    { allowed: ["hub.example.org/{namespace}"], isAllowed: true },
    { allowed: ["*.example.org"], isAllowed: true },
    { allowed: ["hub.example.org/sessions/{name}"], isAllowed: true },
    { allowed: ["hub.example.org/session"], isAllowed: false },
    { allowed: ["*.*.org/other", "example.org"], isAllowed: false },
    { allowed: ["{namespace}.example.org"], isAllowed: false },
    { allowed: ["hub.example.org.evil.example"], isAllowed: false },
    { allowed: ["*"], isAllowed: false },
  ])("may lie within $allowed: $isAllowed", ({ allowed, isAllowed }) => {
    const settings = settingsWith({ routes: { allowed, namespaceAnnotation: false } });
    const decision = decideAll(anObserved(), settings, NOW);
    expect(decision.plan.length > 0).toBe(isAllowed);
    expect(stalled(decision)?.reason).toBe(isAllowed ? undefined : "NotAllowed");
  });

  it("may lie within what the Namespace says where its annotation counts", () => {
    const settings = settingsWith({ routes: { allowed: [], namespaceAnnotation: true } });
    expect(decide(anObserved(), settings).facts.problems).toMatchObject([{ setting: "routes.allowed" }]);
    const world = anObserved({ namespacePolicy: { routes: ["hub.example.org/sessions"] } });
    expect(decide(world, settings).facts.problems).toEqual([]);
  });

  it("are checked against what is allowed in Ingresses that patches add, and for certificates", () => {
    const settings = settingsWith({ routes: { allowed: ["hub.example.org/sessions"], namespaceAnnotation: false } });
    const problemsWith = (spec: object): readonly unknown[] =>
      decide(anObserved({ server: aServer({ patches: jsonPatch("/extra", anIngress(spec)) }) }), settings).facts
        .problems;
    expect(problemsWith(aRule("hub.example.org", "/sessions/alice/x"))).toEqual([]);
    const refused = [expect.objectContaining({ kind: "NotAllowed", childKey: "extra", setting: "routes.allowed" })];
    expect(problemsWith(aRule("hub.example.org", "/other"))).toEqual(refused);
    expect(problemsWith({ defaultBackend: { service: { name: "a" } } })).toEqual(refused);
    expect(problemsWith({ tls: [{ hosts: ["shop.example.org"] }] })).toEqual(refused);
  });

  it("are made without annotations that could take the requests of others, and the server says which", () => {
    const denied = ["nginx.ingress.kubernetes.io/*-snippet", "*.kubernetes.io/router.priority"];
    const settings = settingsWith({ ingressAnnotations: { denied, allowed: [] } });
    const ingressAnnotations = {
      "nginx.ingress.kubernetes.io/configuration-snippet": "return 200;",
      "nginx.ingress.kubernetes.io/proxy-body-size": "0",
    };
    const patches = jsonPatch("/extra", {
      ...anIngress(aRule("hub.example.org", "/sessions/alice")),
      metadata: { annotations: { "traefik.ingress.kubernetes.io/router.priority": "9999" } },
    });
    const world = anObserved({ server: aServer({ routing: { ingressAnnotations }, patches }) });
    const decision = decideAll(world, settings, NOW);
    const written = JSON.stringify(decision.plan);
    expect(written).not.toMatch(/configuration-snippet|router.priority/);
    expect(written).toContain("proxy-body-size");
    expect(decision.status.conditions).toContainEqual(
      expect.objectContaining({ type: "PolicyWarning", reason: "IngressAnnotationIgnored" }),
    );
    const names = Object.keys(ingressAnnotations);
    const allowing = settingsWith({ ingressAnnotations: { denied: ["*"], allowed: names } });
    expect(JSON.stringify(decide(world, allowing).plan)).toContain("configuration-snippet");
  });

  const NAME = "external-dns.alpha.kubernetes.io/hostname";
  it.each<{ what: string; options: ServerOptions; childKey: string }>([
    {
      ...{ what: "the server's Service, without an address", childKey: "service" },
      options: {
        patches: [
          {
            type: "application/merge-patch+json",
            patch: {
              service: { metadata: { annotations: { [NAME]: "hub.example.org" } }, spec: { clusterIP: "None" } },
            },
          },
        ],
      },
    },
    {
      ...{ what: "a Service that a patch adds", childKey: "more" },
      options: {
        patches: jsonPatch("/more", {
          ...{ apiVersion: "v1", kind: "Service", spec: { clusterIP: "None", selector: { app: "alice" } } },
          metadata: { annotations: { [NAME]: "hub.example.org" } },
        }),
      },
    },
    {
      ...{ what: "the server's pod", childKey: "statefulset" },
      options: { jupyterServer: { podAnnotations: { [NAME]: "hub.example.org", kept: "yes" } } },
    },
  ])("have no name in the DNS by an annotation of $what", ({ options, childKey }) => {
    const decision = decideAll(anObserved({ server: aServer(options) }), someSettings(), NOW);
    expect(decision.plan.map(subject)).toContain(childKey);
    expect(JSON.stringify(decision.plan)).not.toContain(NAME);
    expect(decision.status.conditions).toContainEqual(
      expect.objectContaining({ reason: "IngressAnnotationIgnored", message: expect.stringContaining(NAME) }),
    );
    const allowing = settingsWith({ ingressAnnotations: { denied: [], allowed: [NAME] } });
    expect(JSON.stringify(decide(anObserved({ server: aServer(options) }), allowing).plan)).toContain(NAME);
  });

  it("do not come with certificates for hundreds of hosts: each is compared with all others", () => {
    const hosts = Array.from({ length: 201 }, (_, at) => `*.x${at}.example.org`);
    const asked: unknown[] = [];
    const ruleTakenBy = (rule: unknown): undefined => void asked.push(rule);
    const patches = jsonPatch(
      "/extra",
      anIngress({ ...aRule("hub.example.org", "/sessions/alice/x"), tls: [{ hosts }] }),
    );
    const { facts } = decide(anObserved({ server: aServer({ patches }), ruleTakenBy }));
    expect(facts.problems).toMatchObject([{ kind: "ChildInvalid", childKey: "extra" }]);
    expect(asked.length).toBeLessThan(10);
  });

  it("do not come with a certificate for the host of another server", () => {
    const tls = [{ hosts: ["hub.example.org", "shop.example.org"], secretName: "mine" }];
    const extra = { ...aRule("hub.example.org", "/sessions/alice/x"), tls };
    const server = aServer({ patches: jsonPatch("/extra", anIngress(extra)) });
    const problemsBeside = (taken: string): readonly unknown[] => {
      const ruleTakenBy = ({ host }: { readonly host: string | undefined }): string | undefined =>
        host === taken ? "team-b/bob" : undefined;
      return decide(anObserved({ server, ruleTakenBy })).facts.problems;
    };
    expect(problemsBeside("shop.example.org")).toMatchObject([
      { kind: "RuleTaken", childKey: "extra", holder: "team-b/bob", route: "shop.example.org" },
    ]);
    expect(problemsBeside("other.example.org")).toEqual([]);
  });

  const takenOn =
    (...taken: readonly (string | undefined)[]) =>
    ({ host }: { readonly host: string | undefined }): string | undefined =>
      taken.includes(host) ? "team-b/bob" : undefined;

  it.each<{ what: string; secret: () => object }>([
    { what: "data", secret: () => aTlsSecret(["shop.example.org"]) },
    {
      what: "plain text and another type",
      secret: () => ({
        ...{ apiVersion: "v1", kind: "Secret", type: "Opaque" },
        stringData: { "tls.crt": aCertificate({ names: ["a.example.org", "shop.example.org"] }) },
      }),
    },
  ])("do not come with a Secret whose certificate is for the host of another server, as $what", ({ secret }) => {
    const server = aServer({ patches: jsonPatch("/extra", secret()) });
    expect(decide(anObserved({ server, ruleTakenBy: takenOn("shop.example.org") })).facts.problems).toMatchObject([
      { kind: "RuleTaken", childKey: "extra", holder: "team-b/bob", route: "shop.example.org" },
    ]);
    expect(decide(anObserved({ server, ruleTakenBy: takenOn("other.example.org") })).facts.problems).toEqual([]);
    const settings = settingsWith({ routes: { allowed: ["hub.example.org"], namespaceAnnotation: false } });
    expect(decide(anObserved({ server }), settings).facts.problems).toMatchObject([
      { kind: "NotAllowed", childKey: "extra", field: "data[tls.crt]", setting: "routes.allowed" },
    ]);
  });

  it("do not come with a Secret whose certificate cannot be read, where routes are restricted", () => {
    const unreadable = ({ names }: { readonly names: readonly string[] }): string =>
      aCertificate({ names }).replace(/\n[^\n-]{64}\n/, "\n");
    const secret = {
      ...{ apiVersion: "v1", kind: "Secret", type: "Opaque" },
      stringData: {
        "tls.crt": aCertificate({ names: ["hub.example.org"] }) + unreadable({ names: ["a.example.org"] }),
      },
    };
    const observed = anObserved({ server: aServer({ patches: jsonPatch("/extra", secret) }) });
    const restricted = settingsWith({ routes: { allowed: ["hub.example.org"], namespaceAnnotation: false } });
    expect(decide(observed, restricted).facts.problems).toMatchObject([
      {
        kind: "NotAllowed",
        childKey: "extra",
        field: "data[tls.crt]",
        detail: expect.stringContaining("cannot be read"),
      },
    ]);
    expect(decide(observed).facts.problems).toEqual([]);
  });

  it("do not come with more certificates than a chain has, where routes are restricted", () => {
    const chain = (length: number): object => ({
      ...{ apiVersion: "v1", kind: "Secret", type: "Opaque" },
      stringData: { "tls.crt": aCertificate({ names: ["hub.example.org"] }).repeat(length) },
    });
    const restricted = settingsWith({ routes: { allowed: ["hub.example.org"], namespaceAnnotation: false } });
    const problemsWith = (length: number): readonly unknown[] =>
      decide(anObserved({ server: aServer({ patches: jsonPatch("/extra", chain(length)) }) }), restricted).facts
        .problems;
    expect(problemsWith(8)).toEqual([]);
    expect(problemsWith(9)).toMatchObject([{ kind: "NotAllowed", childKey: "extra", field: "data[tls.crt]" }]);
  });

  it("do not come with a certificate for a wildcard that covers the host of another server", () => {
    const wildcard = { ...aRule("t2.example.org", "/"), tls: [{ hosts: ["*.example.org"] }] };
    for (const child of [anIngress(wildcard), aTlsSecret(["*.example.org"])]) {
      const world = anObserved({
        server: aServer({ patches: jsonPatch("/extra", child) }),
        ruleTakenBy: takenOn("*.example.org"),
      });
      expect(decide(world).facts.problems).toMatchObject([{ kind: "RuleTaken", childKey: "extra" }]);
    }
    const everything = aServer({ patches: jsonPatch("/extra", aTlsSecret(["*.*"])) });
    expect(decide(anObserved({ server: everything, ruleTakenBy: takenOn(undefined) })).facts.problems).toMatchObject([
      { kind: "RuleTaken", route: "A host of a certificate for every host" },
    ]);
  });

  it("name the hosts of a rule for every host in the sentence that refuses it", () => {
    const patches = jsonPatch("/extra", anIngress({ defaultBackend: { service: { name: "a" } } }));
    const world = anObserved({ server: aServer({ patches }), ruleTakenBy: takenOn(undefined) });
    expect(stalled(decideAll(world, someSettings(), NOW))?.message).toContain(
      "A host of a rule for every host is already routed to the server team-b/bob.",
    );
  });

  it("may come with certificates of an Ingress that names no hosts: those of its own rules", () => {
    const extra = { ...aRule("hub.example.org", "/sessions/alice/x"), tls: [{ secretName: "mine" }] };
    const server = aServer({ patches: jsonPatch("/extra", anIngress(extra)) });
    const ruleTakenBy = takenOn("shop.example.org", undefined);
    expect(decide(anObserved({ server, ruleTakenBy })).facts.problems).toEqual([]);
  });

  it("may come with a wildcard in the server's own Ingress that covers its own host", () => {
    const server = aServer({
      patches: jsonPatch("/ingress/spec/tls", [{ hosts: ["*.example.org"], secretName: "wild" }]),
    });
    expect(decide(anObserved({ server, ruleTakenBy: takenOn("*.example.org") })).facts.problems).toEqual([]);
  });

  it.each([
    { path: "/%76ictim", isRefused: true },
    { path: "/q/../victim", isRefused: true },
    { path: "/./victim", isRefused: true },
    { path: "/..", isRefused: true },
    { path: "/q/..victim/...", isRefused: false },
  ])("are compared as they are written: a rule for $path, refused: $isRefused", ({ path, isRefused }) => {
    const server = aServer({ patches: jsonPatch("/extra", anIngress(aRule("hub.example.org", path))) });
    const problem = { kind: "ChildInvalid", childKey: "extra", reason: expect.stringContaining(path) };
    expect(decide(anObserved({ server })).facts.problems).toEqual(isRefused ? [problem] : []);
  });
});

describe("a server with a login that people reach under another host than its Ingress", () => {
  it.each([
    { externalUrl: "https://lab.example.com", isRefused: true },
    { externalUrl: "https://hub.example.org:8443", isRefused: false },
    { externalUrl: "https://HUB.example.org", isRefused: false },
  ])("is refused with a sentence: $externalUrl, $isRefused", ({ externalUrl, isRefused }) => {
    const decision = decideAll(
      anObserved({ server: aServer({ oidc, routing: { externalUrl } }) }),
      someSettings(),
      NOW,
    );
    expect(decision.plan.length === 0).toBe(isRefused);
    expect(stalled(decision)?.message).toEqual(
      isRefused
        ? expect.stringContaining("spec.routing.externalUrl is invalid: with a login its host must")
        : undefined,
    );
    const token = decide(anObserved({ server: aServer({ routing: { externalUrl } }) }));
    expect(token.facts.problems).toEqual([]);
  });
});

describe("the record of what is tolerated", () => {
  it("is bounded, whatever a pod has", () => {
    const ports = Array.from({ length: 900 }, (_, index) => ({ containerPort: 1, hostPort: index + 1 }));
    const start = anObserved({ server: aServer({ patches: jsonPatch(`${CONTAINERS}/0/ports`, ports) }) });
    const world = carryOut(start, decide(start, settingsWith({ podSecurity: "privileged" })).plan);
    const { status } = decideAll(world, someSettings(), NOW);
    expect(status.toleratedViolations?.length).toBeLessThanOrEqual(64);
    expect(Math.max(...(status.toleratedViolations ?? []).map(({ length }) => length))).toBeLessThanOrEqual(256);
  });
});
