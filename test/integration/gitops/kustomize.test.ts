import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { JupyterServer } from "@amalthea/api";
import { buildGoPrograms, componentCommand } from "@amalthea/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments, stringify } from "yaml";

const CONFIGURATION = fileURLToPath(new URL("../../../deploy/kustomize/jupyter-server.yaml", import.meta.url));

type Named = { readonly kind: string; readonly metadata: { readonly name: string } };

const folder = mkdtempSync(join(tmpdir(), "amalthea-kustomize-"));
afterAll(() => rmSync(folder, { recursive: true }));

const server = {
  apiVersion: "amalthea.dev/v1alpha1",
  kind: "JupyterServer",
  metadata: { name: "alice" },
  spec: {
    auth: {
      tokenSecretRef: { name: "keys", key: "token" },
      oidc: { clientSecret: { secretKeyRef: { name: "keys", key: "login" } }, trustedCA: { configMapName: "course" } },
    },
    jupyterServer: {
      image: "quay.io/jupyter/minimal-notebook:latest",
      env: [
        { name: "A", valueFrom: { secretKeyRef: { name: "keys", key: "a" } } },
        { name: "B", valueFrom: { configMapKeyRef: { name: "course", key: "b" } } },
      ],
      envFrom: [{ secretRef: { name: "keys" } }, { configMapRef: { name: "course" } }],
      imagePullSecrets: [{ name: "keys" }],
      extraVolumes: [
        { name: "s", secret: { secretName: "keys" } },
        { name: "c", configMap: { name: "course" } },
        { name: "p", projected: { sources: [{ secret: { name: "keys" } }, { configMap: { name: "course" } }] } },
        { name: "v", persistentVolumeClaim: { claimName: "data" } },
      ],
      serviceAccountName: "student",
    },
    routing: { host: "hub.example.org", tls: { enabled: true, secretName: "keys" } },
    storage: { pvc: { enabled: true, existingClaim: "data" } },
  },
};

const claim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "data" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};

const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "student" } };

beforeAll(async () => {
  await buildGoPrograms();
  copyFileSync(CONFIGURATION, join(folder, "jupyter-server.yaml"));
  writeFileSync(
    join(folder, "objects.yaml"),
    [server, claim, account].map((object) => stringify(object)).join("---\n"),
  );
  const kustomization = {
    resources: ["objects.yaml"],
    configurations: ["jupyter-server.yaml"],
    namePrefix: "autumn-",
    images: [{ name: "quay.io/jupyter/minimal-notebook", newName: "registry.example.org/lab", newTag: "7" }],
    secretGenerator: [{ name: "keys", literals: ["token=t"] }],
    configMapGenerator: [{ name: "course", literals: ["b=1"] }],
  };
  writeFileSync(join(folder, "kustomization.yaml"), stringify(kustomization));
}, 600_000);

function built(): readonly Named[] {
  const [command, ...args] = componentCommand("kubectl");
  const text = execFileSync(command, [...args, "kustomize", folder], { encoding: "utf8" });
  return parseAllDocuments(text).map((document) => document.toJS() as Named);
}

describe("the configuration for kustomize", () => {
  it("lets images and the names of what a server refers to reach the server", () => {
    const objects = built();
    const nameOf = (kind: string): string => objects.find((object) => object.kind === kind)?.metadata.name ?? "";
    const { spec } = objects.find(({ kind }) => kind === "JupyterServer") as unknown as JupyterServer;
    expect(nameOf("Secret")).toMatch(/^autumn-keys-[a-z0-9]{10}$/);
    expect(spec.jupyterServer.image).toBe("registry.example.org/lab:7");
    const renamed = JSON.stringify(server.spec)
      .replaceAll('"keys"', JSON.stringify(nameOf("Secret")))
      .replaceAll('"course"', JSON.stringify(nameOf("ConfigMap")))
      .replaceAll('"claimName":"data"', `"claimName":"${nameOf("PersistentVolumeClaim")}"`)
      .replaceAll('"existingClaim":"data"', `"existingClaim":"${nameOf("PersistentVolumeClaim")}"`)
      .replaceAll('"student"', JSON.stringify(nameOf("ServiceAccount")))
      .replaceAll("quay.io/jupyter/minimal-notebook:latest", "registry.example.org/lab:7");
    expect(spec).toEqual(JSON.parse(renamed));
  });
});
