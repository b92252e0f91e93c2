import { isObject, listOf, objectOf, valueAt, type JsonObject } from "../values/json.ts";

/** A level of the Pod Security Standards, the weakest first. */
export const POD_SECURITY_LEVELS = ["privileged", "baseline", "restricted"] as const;

export type PodSecurityLevel = (typeof POD_SECURITY_LEVELS)[number];

/** Something in a pod that a level does not allow. */
export type PodSecurityViolation = {
  /** Name of the check, as Pod Security admission calls it. */
  readonly rule: string;
  /** Path in the pod; containers, volumes and annotations by their name, so that it outlives a change of their order. */
  readonly field: string;
  /** The value; empty if something is missing. */
  readonly value: string;
};

/** A pod, or the template of one: the parts that the standards speak of. */
export type PodParts = { readonly metadata?: unknown; readonly spec?: unknown };

/**
 * What a pod has that a level does not allow. The rules are those of Kubernetes 1.35 (`enforce-version: latest`); an
 * integration test compares them with the API server's own.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export function podSecurityViolations(pod: PodParts, level: PodSecurityLevel): readonly PodSecurityViolation[] {
  if (level === "privileged") return [];
  const parts = partsOf(pod);
  const rules = level === "baseline" ? [...SHARED, ...BASELINE_ONLY] : [...SHARED, ...RESTRICTED];
  return rules.flatMap((rule) => rule(parts));
}

type Container = { readonly at: string; readonly container: Readonly<JsonObject> };

/** Where a security context stands, and the context. */
type Context = { readonly at: string; readonly context: Readonly<JsonObject> };

type Parts = {
  readonly spec: Readonly<JsonObject>;
  readonly annotations: Readonly<JsonObject>;
  readonly podContext: Context;
  readonly containers: readonly Container[];
  readonly containerContexts: readonly Context[];
  /** Of the pod and of each container. */
  readonly contexts: readonly Context[];
  readonly isWindows: boolean;
  /** In a user namespace root is nobody on the node. */
  readonly isInUserNamespace: boolean;
};

type Rule = (parts: Parts) => readonly PodSecurityViolation[];

function partsOf({ metadata, spec: given }: PodParts): Parts {
  const spec = objectOf(given);
  const containers = ["initContainers", "containers", "ephemeralContainers"].flatMap((list) =>
    listOf(spec[list]).map((container) => ({
      at: `spec.${list}[${textOf(valueAt(container, "name"))}]`,
      container: objectOf(container),
    })),
  );
  const podContext = { at: "spec.securityContext", context: objectOf(spec["securityContext"]) };
  const containerContexts = containers.map(({ at, container }) => ({
    at: `${at}.securityContext`,
    context: objectOf(container["securityContext"]),
  }));
  return {
    spec,
    annotations: objectOf(valueAt(metadata, "annotations")),
    podContext,
    containers,
    containerContexts,
    contexts: [podContext, ...containerContexts],
    isWindows: valueAt(spec, "os", "name") === "windows",
    isInUserNamespace: spec["hostUsers"] === false,
  };
}

function textOf(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A violation if the value is there and not one of those that are allowed. */
function unless(isAllowed: boolean, rule: string, field: string, value: unknown): readonly PodSecurityViolation[] {
  return isAllowed ? [] : [{ rule, field, value: textOf(value) }];
}

/** Violations by what contexts have at a dotted path. */
function unlessIn(
  contexts: readonly Context[],
  rule: string,
  path: string,
  isAllowed: (value: unknown) => boolean,
): readonly PodSecurityViolation[] {
  return contexts.flatMap(({ at, context }) => {
    const value = valueAt(context, ...path.split("."));
    return unless(isAllowed(value), rule, `${at}.${path}`, value);
  });
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

function isOff(value: unknown): boolean {
  return isUnset(value) || value === false;
}

const hostNamespaces: Rule = ({ spec }) =>
  ["hostNetwork", "hostPID", "hostIPC"].flatMap((field) =>
    unless(isOff(spec[field]), "hostNamespaces", `spec.${field}`, spec[field]),
  );

const hostPorts: Rule = ({ containers }) =>
  containers.flatMap(({ at, container }) =>
    listOf(container["ports"]).flatMap((port) => {
      const hostPort = valueAt(port, "hostPort");
      return unless(isUnset(hostPort) || hostPort === 0, "hostPorts", `${at}.ports.hostPort`, hostPort);
    }),
  );

const privileged: Rule = ({ containerContexts }) => unlessIn(containerContexts, "privileged", "privileged", isOff);

const windowsHostProcess: Rule = ({ contexts }) =>
  unlessIn(contexts, "windowsHostProcess", "windowsOptions.hostProcess", isOff);

/** Violations by a profile that contexts set. */
function unlessProfile(contexts: readonly Context[], profile: string): readonly PodSecurityViolation[] {
  const given = contexts.filter(({ context }) => isObject(context[profile]));
  return unlessIn(given, profile, `${profile}.type`, isProfile);
}

function isProfile(type: unknown): boolean {
  return type === "RuntimeDefault" || type === "Localhost";
}

const APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/";

const appArmorProfile: Rule = ({ annotations, contexts }) => [
  ...unlessProfile(contexts, "appArmorProfile"),
  ...Object.entries(annotations)
    .filter(([name]) => name.startsWith(APPARMOR_ANNOTATION))
    .flatMap(([name, value]) => {
      const isAllowed = isUnset(value) || value === "runtime/default" || textOf(value).startsWith("localhost/");
      return unless(isAllowed, "appArmorProfile", `metadata.annotations[${name}]`, value);
    }),
];

const SELINUX_TYPES: readonly unknown[] = ["container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

const seLinuxOptions: Rule = ({ contexts }) =>
  contexts.flatMap((context) => [
    ...unlessIn([context], "seLinuxOptions", "seLinuxOptions.type", isSeLinuxType),
    ...unlessIn([context], "seLinuxOptions", "seLinuxOptions.user", isUnset),
    ...unlessIn([context], "seLinuxOptions", "seLinuxOptions.role", isUnset),
  ]);

function isSeLinuxType(type: unknown): boolean {
  return isUnset(type) || SELINUX_TYPES.includes(type);
}

const SYSCTLS: readonly unknown[] = [
  "kernel.shm_rmid_forced",
  ...["ip_local_port_range", "tcp_syncookies", "ping_group_range", "ip_unprivileged_port_start"].map(ofIpv4),
  ...["ip_local_reserved_ports", "tcp_keepalive_time", "tcp_fin_timeout", "tcp_keepalive_intvl"].map(ofIpv4),
  ...["tcp_keepalive_probes", "tcp_rmem", "tcp_wmem"].map(ofIpv4),
];

function ofIpv4(name: string): string {
  return `net.ipv4.${name}`;
}

const sysctls: Rule = ({ podContext: { at, context } }) =>
  listOf(context["sysctls"]).flatMap((sysctl) => {
    const name = valueAt(sysctl, "name");
    return unless(SYSCTLS.includes(name), "sysctls", `${at}.sysctls`, name);
  });

/** Probes and hooks that make the kubelet call another host than the pod. */
const hostProbes: Rule = ({ containers }) =>
  containers.flatMap(({ at, container }) =>
    [
      ...["livenessProbe", "readinessProbe", "startupProbe"].map((probe) => [probe]),
      ...["postStart", "preStop"].map((hook) => ["lifecycle", hook]),
    ].flatMap((path) =>
      ["httpGet", "tcpSocket"].flatMap((way) => {
        const host = valueAt(container, ...path, way, "host");
        return unless(isUnset(host), "hostProbesAndHostLifecycle", [at, ...path, way, "host"].join("."), host);
      }),
    ),
  );

/** In the restricted level the rule has no exception, see `procMount`. */
const isMasked = (value: unknown): boolean => isUnset(value) || value === "Default";

const procMountOf: Rule = ({ containerContexts }) => unlessIn(containerContexts, "procMount", "procMount", isMasked);

const procMount: Rule = (parts) => (parts.isInUserNamespace ? [] : procMountOf(parts));

const BASELINE_CAPABILITIES: readonly unknown[] = [
  ...["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"],
  ...["SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"],
];

function addedCapabilities(allowed: readonly unknown[]): Rule {
  return ({ containerContexts }) =>
    containerContexts.flatMap(({ at, context }) =>
      listOf(valueAt(context, "capabilities", "add")).flatMap((added) =>
        unless(allowed.includes(added), "capabilities", `${at}.capabilities.add`, added),
      ),
    );
}

const hostPathVolumes: Rule = ({ spec }) =>
  listOf(spec["volumes"]).flatMap((volume) => {
    const path = valueAt(volume, "hostPath");
    const field = `spec.volumes[${textOf(valueAt(volume, "name"))}].hostPath`;
    return unless(isUnset(path), "hostPathVolumes", field, valueAt(path, "path"));
  });

const seccompBaseline: Rule = ({ contexts }) => unlessProfile(contexts, "seccompProfile");

const seccompRestricted: Rule = (parts) => {
  if (parts.isWindows) return [];
  const isOfPod = isProfile(valueAt(parts.podContext.context, "seccompProfile", "type"));
  const unset = parts.containerContexts.filter(({ context }) => !isObject(context["seccompProfile"]));
  return [
    ...seccompBaseline(parts),
    ...unset.flatMap(({ at }) => unless(isOfPod, "seccompProfile", `${at}.seccompProfile.type`, undefined)),
  ];
};

const allowPrivilegeEscalation: Rule = ({ containerContexts, isWindows }) => {
  const isAllowed = (value: unknown): boolean => isWindows || value === false;
  return unlessIn(containerContexts, "allowPrivilegeEscalation", "allowPrivilegeEscalation", isAllowed);
};

const restrictedCapabilities = addedCapabilities(["NET_BIND_SERVICE"]);

const capabilitiesRestricted: Rule = (parts) => {
  if (parts.isWindows) return [];
  const kept = parts.containerContexts.flatMap(({ at, context }) => {
    const isDropped = listOf(valueAt(context, "capabilities", "drop")).includes("ALL");
    return unless(isDropped, "capabilities", `${at}.capabilities.drop`, undefined);
  });
  return [...kept, ...restrictedCapabilities(parts)];
};

const VOLUME_TYPES: readonly string[] = [
  ...["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"],
  ...["persistentVolumeClaim", "projected", "secret"],
];

const restrictedVolumes: Rule = ({ spec }) =>
  listOf(spec["volumes"]).flatMap((volume) => {
    const { name, ...sources } = objectOf(volume);
    const types = Object.keys(sources).filter((type) => !isUnset(sources[type]));
    // A volume without any source is an empty directory.
    const isAllowed = types.length === 0 || types.some((type) => VOLUME_TYPES.includes(type));
    return unless(isAllowed, "restrictedVolumes", `spec.volumes[${textOf(name)}]`, types.join(","));
  });

const runAsNonRoot: Rule = ({ podContext, containerContexts, isInUserNamespace }) => {
  if (isInUserNamespace) return [];
  const isOfPod = podContext.context["runAsNonRoot"] === true;
  return [
    ...unlessIn([podContext], "runAsNonRoot", "runAsNonRoot", (value) => isUnset(value) || value === true),
    ...unlessIn(containerContexts, "runAsNonRoot", "runAsNonRoot", (own) => own === true || (isUnset(own) && isOfPod)),
  ];
};

const runAsUser: Rule = ({ contexts, isInUserNamespace }) =>
  unlessIn(contexts, "runAsUser", "runAsUser", (user) => isInUserNamespace || user !== 0);

const SHARED: readonly Rule[] = [
  ...[hostNamespaces, hostPorts, privileged, windowsHostProcess, appArmorProfile, seLinuxOptions, sysctls, hostProbes],
];

const BASELINE_ONLY: readonly Rule[] = [
  procMount,
  addedCapabilities(BASELINE_CAPABILITIES),
  hostPathVolumes,
  seccompBaseline,
];

const RESTRICTED: readonly Rule[] = [
  procMountOf,
  allowPrivilegeEscalation,
  capabilitiesRestricted,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompRestricted,
];
