import fc from "fast-check";

/** A value, or most of the time none at all. */
function sometimes<T>(...values: readonly T[]): fc.Arbitrary<T | undefined> {
  return fc.option(fc.constantFrom(...values), { nil: undefined, freq: 2 });
}

/** An object without the keys whose value is undefined. */
function record(model: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<object> {
  return fc
    .record(model)
    .map((value) => Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)));
}

function rarely(value: fc.Arbitrary<object>): fc.Arbitrary<object | undefined> {
  return fc.option(value, { nil: undefined, freq: 2 });
}

function seldom(value: fc.Arbitrary<object>): fc.Arbitrary<object | undefined> {
  return fc.option(value, { nil: undefined, freq: 8 });
}

const profile = fc.constantFrom(
  { type: "RuntimeDefault" },
  { type: "Localhost", localhostProfile: "profiles/a.json" },
  { type: "Unconfined" },
);

const seLinux = record({
  type: sometimes("container_t", "container_init_t", "container_engine_t", "spc_t"),
  user: sometimes("u", ""),
  role: sometimes("r", ""),
  level: sometimes("s0:c1,c2"),
});

const shared: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  runAsNonRoot: sometimes(true, true, false),
  runAsUser: sometimes(0, 1000),
  seccompProfile: rarely(profile),
  appArmorProfile: rarely(profile),
  seLinuxOptions: rarely(seLinux),
};

const podContext = record({
  ...shared,
  sysctls: sometimes(
    [{ name: "net.ipv4.tcp_rmem", value: "1" }],
    [{ name: "net.ipv4.tcp_keepalive_probes", value: "1" }],
    [
      { name: "kernel.shm_rmid_forced", value: "1" },
      { name: "net.core.somaxconn", value: "1" },
    ],
  ),
});

const names = ["ALL", "CHOWN", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SYS_ADMIN", "SETPCAP", "AUDIT_CONTROL"];

const containerContext = record({
  ...shared,
  privileged: sometimes(true, false),
  procMount: sometimes("Default", "Unmasked"),
  capabilities: rarely(
    record({
      add: fc.option(fc.subarray(names.slice(1)), { nil: undefined }),
      drop: sometimes(["ALL"], ["CHOWN"], []),
    }),
  ),
  allowPrivilegeEscalation: sometimes(false, false, true),
}).filter((context) => isValidContext(context as { privileged?: boolean; allowPrivilegeEscalation?: boolean }));

/** What the API server refuses as contradictory before it looks at Pod Security. */
function isValidContext(context: {
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly capabilities?: { readonly add?: readonly string[] };
}): boolean {
  if (context.allowPrivilegeEscalation !== false) return true;
  return context.privileged !== true && !(context.capabilities?.add ?? []).includes("SYS_ADMIN");
}

const restrictedContext = fc.constant({
  ...{ runAsNonRoot: true, runAsUser: 1000, allowPrivilegeEscalation: false },
  ...{ capabilities: { drop: ["ALL"] }, seccompProfile: { type: "RuntimeDefault" } },
});

const http = fc.constantFrom({ port: 80 }, { port: 80, host: "" }, { port: 80, host: "10.0.0.1" });
const probe = fc.oneof(
  http.map((httpGet) => ({ httpGet })),
  http.map((tcpSocket) => ({ tcpSocket })),
);

function container(name: string, probes: boolean): fc.Arbitrary<object> {
  return record({
    name: fc.constant(name),
    image: fc.constant("busybox"),
    securityContext: fc.oneof(
      { weight: 8, arbitrary: restrictedContext },
      { weight: 2, arbitrary: containerContext },
      { weight: 1, arbitrary: fc.constant(undefined) },
    ),
    ports: fc.constantFrom(
      ...[undefined, undefined, undefined, undefined, [{ containerPort: 80 }]],
      ...[[{ containerPort: 80, hostPort: name === "one" ? 8080 : 8081 }]],
    ),
    ...(probes
      ? {
          livenessProbe: seldom(probe),
          readinessProbe: seldom(probe),
          startupProbe: seldom(probe),
          lifecycle: seldom(http.map((httpGet) => ({ postStart: { httpGet } }))),
        }
      : {}),
  });
}

const volume = fc.constantFrom(
  { emptyDir: {} },
  { configMap: { name: "a" } },
  { secret: { secretName: "a" } },
  { hostPath: { path: "/var" } },
  { nfs: { server: "a", path: "/" } },
  { csi: { driver: "a.example.org" } },
  { persistentVolumeClaim: { claimName: "a" } },
  { projected: { sources: [{ configMap: { name: "a" } }] } },
  { downwardAPI: { items: [{ path: "a", fieldRef: { fieldPath: "metadata.name" } }] } },
  { iscsi: { targetPortal: "a", iqn: "iqn.2001-04.com.example:a", lun: 0 } },
  {},
);

const annotations = sometimes(
  { "container.apparmor.security.beta.kubernetes.io/one": "runtime/default" },
  { "container.apparmor.security.beta.kubernetes.io/one": "unconfined" },
  { "container.apparmor.security.beta.kubernetes.io/one": "localhost/a" },
);

/** Pods with what the generator seldom gets right: the operating system, user namespaces. */
export const unusualPods: readonly { readonly metadata: object; readonly spec: object }[] = [
  { os: { name: "windows" } },
  { os: { name: "windows" }, securityContext: { runAsNonRoot: true } },
  {
    os: { name: "windows" },
    hostNetwork: true,
    securityContext: { windowsOptions: { hostProcess: true, runAsUserName: "NT AUTHORITY\\SYSTEM" } },
  },
  { hostUsers: false, securityContext: { runAsUser: 0 } },
  { hostUsers: false, containers: [{ name: "one", image: "busybox", securityContext: { procMount: "Unmasked" } }] },
].map((spec) => ({ metadata: {}, spec: { containers: [{ name: "one", image: "busybox" }], ...spec } }));

/** Pods that the API server takes, apart from Pod Security; about half of them meet a level or miss it by one field. */
export const pods: fc.Arbitrary<{ readonly metadata: object; readonly spec: object }> = fc
  .record({
    annotations: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, annotations),
    hosts: fc.constantFrom(
      ...[{}, {}, {}, {}, { hostNetwork: false }, { hostUsers: true }, { hostUsers: false }],
      ...[{ hostNetwork: true }, { hostPID: true }, { hostIPC: true, hostPID: false }],
    ),
    securityContext: fc.oneof({ weight: 2, arbitrary: podContext }, { weight: 6, arbitrary: fc.constant(undefined) }),
    containers: fc.oneof(fc.tuple(container("one", true)), fc.tuple(container("one", true), container("two", true))),
    initContainers: fc.oneof(fc.constant([]), fc.tuple(container("init", false))),
    volumes: fc.array(volume, { maxLength: 2 }),
  })
  .map(({ annotations: given, hosts, securityContext, volumes, ...lists }) => ({
    metadata: given === undefined ? {} : { annotations: given },
    spec: {
      ...hosts,
      ...(securityContext === undefined ? {} : { securityContext }),
      ...lists,
      volumes: volumes.map((source, index) => ({ name: `v${index}`, ...source })),
    },
  }));
