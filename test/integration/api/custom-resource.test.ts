import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jupyterServerCrd, type JupyterServer } from "@amalthea/api";
import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { componentCommand } from "../../../cluster/src/build/build.ts";
import { readObject } from "../../e2e/read.ts";
import { aServer, create, installCrd } from "./resource.ts";

let cluster: ControlPlane;

beforeAll(async () => {
  cluster = await startControlPlane();
  await installCrd(cluster, jupyterServerCrd);
});
afterAll(async () => await cluster.stop());

const oidc = { enabled: true, issuerUrl: "https://idp.example.org", clientId: "jupyter", clientSecret: { value: "s" } };

describe("the CRD", () => {
  it("is established without an objection", async () => {
    const { stdout } = await cluster.kubectl(["get", "crd", "jupyterservers.amalthea.dev", "-o=json"]);
    const { status } = JSON.parse(stdout) as {
      readonly status: { readonly conditions: readonly { type: string; status: string }[] };
    };
    expect(Object.fromEntries(status.conditions.map((condition) => [condition.type, condition.status]))).toEqual({
      NamesAccepted: "True",
      Established: "True",
    });
  });

  it("fills in what every reader relies on, down to the last field", async () => {
    const server = JSON.parse(await create(cluster, aServer({}))) as JupyterServer;
    expect(server.spec).toEqual({
      auth: {
        oidc: {
          ...{ enabled: false, authorizedEmails: [], authorizedGroups: [], allowAnyUser: false },
          ...{ groupsClaim: "groups", emailClaim: "email", allowUnverifiedEmail: false },
        },
      },
      culling: {
        ...{ idleSecondsThreshold: 0, maxAgeSecondsThreshold: 0, startingSecondsThreshold: 0 },
        ...{ failedSecondsThreshold: 0, hibernatedSecondsThreshold: 0 },
      },
      jupyterServer: {
        ...{ image: "jupyter/minimal-notebook:latest", defaultUrl: "/lab", rootDir: "/home/jovyan/work" },
        ...{ resources: {}, hibernated: false },
      },
      routing: { host: "hub.example.org", path: "/", ingressAnnotations: {}, tls: { enabled: false } },
      storage: { size: "100Mi", pvc: { enabled: false, mountPath: "/home/jovyan/work", retentionPolicy: "Delete" } },
      patches: [],
      updatePolicy: "OnNextStart",
    });
    expect(server.status).toEqual({ children: {}, mainPod: {}, observedGeneration: -1 });
  });

  it.each<[string, object]>([
    [
      "OIDC with all that can be set",
      { auth: { oidc: { ...oidc, userId: "u", scopes: ["openid"], trustedCA: { configMapName: "ca" } } } },
    ],
    ["OIDC for everybody", { auth: { oidc: { ...oidc, allowAnyUser: true } } }],
    ["OIDC fields left empty while it is off", { auth: { oidc: { enabled: false, issuerUrl: "" } } }],
    ["an open server", { auth: { token: "" } }],
    ["a token in a Secret", { auth: { tokenSecretRef: { name: "t", key: "k" } } }],
    ["a path in any spelling", { routing: { host: "hub.example.org", path: "sessions//Alice/" } }],
    ["every character that a path may have", { routing: { host: "h", path: "/azAZ09/-._~@:,=&!'" } }],
    ["a host without a dot", { routing: { host: "localhost" } }],
    ["an external address", { routing: { host: "h", externalUrl: "https://hub.example.org:8443/" } }],
    ["an external IP address", { routing: { host: "h", externalUrl: "http://10.0.0.255:65535" } }],
    ["a size as a number", { storage: { size: 1073741824 } }],
    ["an empty size", { storage: { size: "" } }],
    ["CPU as a number with a fraction", { jupyterServer: { resources: { requests: { cpu: 0.5 } } } }],
    ["an existing claim", { storage: { pvc: { enabled: true, existingClaim: "data" } } }],
    ["any patch", { patches: [{ type: "application/merge-patch+json", patch: { ingress: null } }] }],
    [
      "pod fields",
      {
        jupyterServer: {
          env: [{ name: "A", value: "b" }],
          tolerations: [{ operator: "Exists" }],
          extraVolumes: [{ name: "v", emptyDir: {} }],
        },
      },
    ],
    [
      "fields in Kubernetes' own names",
      {
        jupyterServer: {
          podLabels: { team: "physics", "example.org/Cost_Center.1": "" },
          podAnnotations: { "example.org/scrape": "true" },
          envFrom: [{ prefix: "A_", configMapRef: { name: "a" } }, { secretRef: { name: "b", optional: true } }],
          lifecycle: { preStop: { sleep: { seconds: 5 } } },
          readinessProbe: { failureThreshold: 3 },
          securityContext: { runAsUser: 1, runAsGroup: 0, fsGroup: 2_147_483_647, supplementalGroups: [0] },
          topologySpreadConstraints: [
            { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", labelSelector: {}, minDomains: 2 },
          ],
          extraPorts: [
            { name: "dns", containerPort: 53 },
            { name: "dns-udp", containerPort: 53, protocol: "UDP" },
          ],
          sidecarResources: { traefik: { limits: { memory: "1Gi" } } },
        },
        storage: { pvc: { enabled: true, accessModes: ["ReadWriteMany"], volumeName: "v", subPath: "a/..b" } },
      },
    ],
  ])("admits %s", async (_what, spec) => {
    expect(await create(cluster, aServer(spec))).toContain('"kind":"JupyterServer"');
  });

  it.each<[object, string]>([
    [{ routing: { path: "/a" } }, "routing.host is missing: set it"],
    [{ routing: { host: "" } }, "routing.host is missing: set it"],
    [{ routing: { host: "https://hub.example.org" } }, "without scheme, port or path"],
    [{ routing: { host: "hub.example.org:8080" } }, "without scheme, port or path"],
    [{ routing: { host: "hub.example.org/a" } }, "without scheme, port or path"],
    [{ routing: { host: "Hub.example.org" } }, "lower-case"],
    [{ routing: { host: "10.0.0.1" } }, "routing.host must be a lower-case host name"],
    [{ routing: { host: "*.example.org" } }, "routing.host must be a lower-case host name"],
    [{ routing: { host: "h", path: "/a/../b" } }, "must not contain the segments . or .."],
    ...["/a%2Fb", "/a%20b", "/älice", "/a b", "/a\nb", "/a;b", ...Array.from('?#\\"$()*+<>[]^`{|}')].map(
      (path): [object, string] => [
        { routing: { host: "h", path } },
        "routing.path must consist of a-z, A-Z, 0-9 and -.",
      ],
    ),
    [{ routing: { host: "h", path: `/${"p".repeat(1000)}` } }, "routing.path must have at most 1000 characters"],
    [{ routing: { host: "hub.1" } }, "routing.host must be a lower-case host name"],
    [{ routing: { host: "h", externalUrl: "https://hub.example.org:65536" } }, "routing.externalUrl must be scheme"],
    [{ routing: { host: "h", externalUrl: "https://hub.example.org:0443" } }, "routing.externalUrl must be scheme"],
    [{ routing: { host: "h", externalUrl: "https://10.0.0.256" } }, "routing.externalUrl must be scheme"],
    [{ routing: { host: "h", externalUrl: "https://hub.0x1" } }, "routing.externalUrl must be scheme"],
    [{ routing: { host: "h", externalUrl: "https://hub.example.org/a" } }, "the path is set in routing.path"],
    [{ auth: { token: "a\nb" } }, "auth.token must be a single line"],
    [{ auth: { token: " " } }, "auth.token must not consist of white space only"],
    [{ auth: { token: "a", tokenSecretRef: { name: "t", key: "k" } } }, "are mutually exclusive: remove one of them"],
    [{ auth: { tokenSecretRef: { name: "t" } } }, "spec.auth.tokenSecretRef.key: Required value"],
    [{ auth: { oidc: { ...oidc, issuerUrl: "" } } }, "auth.oidc.enabled needs auth.oidc.issuerUrl"],
    [{ auth: { oidc: { ...oidc, issuerUrl: "idp.example.org" } } }, "auth.oidc.issuerUrl must be a URL"],
    [{ auth: { oidc: { enabled: true, issuerUrl: oidc.issuerUrl } } }, "auth.oidc.enabled needs auth.oidc.clientId"],
    [{ auth: { oidc: { ...oidc, clientSecret: undefined } } }, "auth.oidc.enabled needs auth.oidc.clientSecret"],
    [{ auth: { oidc: { ...oidc, clientSecret: {} } } }, "needs exactly one of value and secretKeyRef"],
    [
      { auth: { oidc: { ...oidc, clientSecret: { value: "a", secretKeyRef: { name: "b", key: "c" } } } } },
      "needs exactly one",
    ],
    [
      { auth: { oidc: { ...oidc, clientSecret: { secretKeyRef: { name: "b" } } } } },
      "secretKeyRef needs both name and key",
    ],
    [
      { auth: { oidc: { ...oidc, allowAnyUser: true, authorizedEmails: ["a@b.c"] } } },
      "auth.oidc.allowAnyUser lets everybody in",
    ],
    [{ auth: { oidc: { ...oidc, allowAnyUser: true, userId: "a" } } }, "auth.oidc.allowAnyUser lets everybody in"],
    [{ auth: { oidc: { ...oidc, discovery: { loginUrl: "https://a" } } } }, "discovery.redeemUrl: Required value"],
    [{ jupyterServer: { image: "" } }, "jupyterServer.image must be an image reference"],
    [{ jupyterServer: { rootDir: "work" } }, "jupyterServer.rootDir must be an absolute path"],
    [{ jupyterServer: { shmSize: "big" } }, "jupyterServer.shmSize must be a quantity"],
    [{ storage: { size: "10 GB" } }, "storage.size must be a quantity such as 500Mi or 2Gi"],
    [{ storage: { size: -1 } }, "storage.size must be a quantity"],
    [{ storage: { size: "-1Gi" } }, "storage.size must be a quantity"],
    [{ storage: { pvc: { mountPath: "work" } } }, "storage.pvc.mountPath must be an absolute path"],
    [{ storage: { pvc: { existingClaim: "data" } } }, "needs storage.pvc.enabled: set it to true"],
    [
      { storage: { pvc: { enabled: true, existingClaim: "d", storageClassName: "s" } } },
      "cannot be combined with storage.pvc.existingClaim",
    ],
    ...["amalthea.dev/parent-uid", "app", "app.kubernetes.io/component", "statefulset.kubernetes.io/pod-name"].map(
      (name): [object, string] => [
        { jupyterServer: { podLabels: { [name]: "x" } } },
        "jupyterServer.podLabels must not contain app,",
      ],
    ),
    ...["amalthea.dev/started-with", "kubectl.kubernetes.io/restartedAt"].map((name): [object, string] => [
      { jupyterServer: { podAnnotations: { [name]: "x" } } },
      "jupyterServer.podAnnotations must not contain",
    ]),
    ...["", "-a", "a b", "A.example.org/a", "a/b/c", "a".repeat(64)].map((name): [object, string] => [
      { jupyterServer: { podLabels: { [name]: "x" } } },
      "jupyterServer.podLabels must have names such as team",
    ]),
    [{ jupyterServer: { podLabels: { a: "a b" } } }, "spec.jupyterServer.podLabels.a: Invalid value"],
    [{ jupyterServer: { podLabels: { a: "a".repeat(64) } } }, "spec.jupyterServer.podLabels.a: Invalid value"],
    [{ jupyterServer: { imagePullPolicy: "Sometimes" } }, "spec.jupyterServer.imagePullPolicy: Unsupported value"],
    [{ jupyterServer: { command: "start.sh" } }, "spec.jupyterServer.command in body must be of type array"],
    [{ jupyterServer: { envFrom: [{ prefix: "A" }] } }, "must have either configMapRef or secretRef"],
    [
      { jupyterServer: { envFrom: [{ secretRef: { name: "a" }, configMapRef: { name: "b" } }] } },
      "must have either configMapRef or secretRef",
    ],
    [
      { jupyterServer: { livenessProbe: { periodSeconds: 0 } } },
      "livenessProbe.periodSeconds in body should be greater",
    ],
    [{ jupyterServer: { securityContext: { runAsUser: 0 } } }, "securityContext.runAsUser in body should be greater"],
    [
      { jupyterServer: { securityContext: { fsGroup: 2_147_483_648 } } },
      "securityContext.fsGroup in body should be less",
    ],
    [{ jupyterServer: { topologySpreadConstraints: [{ maxSkew: 1 }] } }, "topologyKey: Required value"],
    ...[
      { name: "http", containerPort: 8787 },
      { name: "activity", containerPort: 8787 },
      ...[80, 4180, 4181, 4182, 4183, 4184, 8888].map((containerPort) => ({ name: "a", containerPort })),
    ].map((port): [object, string] => [
      { jupyterServer: { extraPorts: [port] } },
      "jupyterServer.extraPorts must not have the names http and activity or the numbers",
    ]),
    [
      {
        jupyterServer: {
          extraPorts: [
            { name: "a", containerPort: 1000 },
            { name: "b", containerPort: 1000, protocol: "TCP" },
          ],
        },
      },
      "jupyterServer.extraPorts must not list a port twice",
    ],
    ...["Dashboard", "1a", "a--b", "a-", "a".repeat(16)].map((name): [object, string] => [
      { jupyterServer: { extraPorts: [{ name, containerPort: 1000 }] } },
      "spec.jupyterServer.extraPorts[0].name",
    ]),
    [
      { jupyterServer: { extraPorts: [{ name: "a", containerPort: 65_536 }] } },
      "should be less than or equal to 65535",
    ],
    ...["", "/a", "..", "a/../b", "a/.."].map((subPath): [object, string] => [
      { storage: { pvc: { enabled: true, subPath } } },
      "storage.pvc.subPath must be a relative path",
    ]),
    [{ storage: { pvc: { accessModes: [] } } }, "accessModes in body should have at least 1 items"],
    [
      { storage: { pvc: { enabled: true, existingClaim: "a", accessModes: ["ReadWriteOnce"] } } },
      "volumeName and selector apply only to a claim that is created",
    ],
    [{ patches: [{ patch: [] }] }, "a patch needs a type: application/json-patch+json or"],
    [{ patches: [{ type: "strategic", patch: {} }] }, 'spec.patches[0].type: Unsupported value: "strategic"'],
    [{ updatePolicy: "Now" }, 'spec.updatePolicy: Unsupported value: "Now"'],
    [{ culling: { idleSecondsThreshold: -1 } }, "should be greater than or equal to 0"],
  ])("refuses %j and says what to do", async (spec, message) => {
    await expect(create(cluster, aServer(spec))).rejects.toThrow(message);
  });

  it.each([
    ["a".repeat(53), "at most 52 characters"],
    ["1st", "must begin with a letter"],
    ["a.b", "must begin with a letter"],
  ])("refuses the name %s", async (name, message) => {
    await expect(create(cluster, aServer({}, name))).rejects.toThrow(message);
  });

  it("admits a name of 52 characters", async () => {
    expect(await create(cluster, aServer({}, "a".repeat(52)))).toContain('"kind":"JupyterServer"');
  });
});

describe("the reads of end-to-end tests", () => {
  it("go on after a kubectl proxy that could not start", async () => {
    const folder = dirname(cluster.kubeconfig);
    const program = `#!/bin/sh\nexec ${componentCommand("kubectl").join(" ")} "$@"\n`;
    writeFileSync(join(folder, "kubectl"), program, { mode: 0o755 });
    process.env["PATH"] = `${folder}:${process.env["PATH"] ?? ""}`;
    const read = (kubeconfig: string): Promise<unknown> =>
      readObject([`--kubeconfig=${kubeconfig}`], "configmap", "none", "default");
    await expect(read(join(folder, "no-kubeconfig"))).rejects.toThrow("kubectl proxy has ended");
    expect(await read(cluster.kubeconfig)).toBeUndefined();
  });
});
