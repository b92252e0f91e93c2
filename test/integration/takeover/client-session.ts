import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type KubeClient, kinds, type Live, type Patch } from "@amalthea/kube";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import { SERVER_KIND } from "../../../controller/src/kinds.ts";

const forever = new AbortController().signal;

/** 0.24 and its clients, which use one library, are one and the same to the API server. */
const AS_CLIENT = { fieldManager: "OpenAPI-Generator" } as const;

type Session = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly patches: readonly unknown[] };
};

/** The object that a client of 0.24 creates, as its author left it; test/fixtures/clients/README.md has what it does next. */
export function session(): Session {
  const path = fileURLToPath(new URL("../../fixtures/clients/session.json", import.meta.url));
  return JSON.parse(readFileSync(path, "utf8")) as Session;
}

/** The Secret with the credentials of the image's registry, which such a client adds by patch. */
export function imageSecret(name: string): { readonly patch: object; readonly metadata: { readonly name: string } } {
  const metadata = { name: `${name}-image-secret` };
  const value = { apiVersion: "v1", kind: "Secret", metadata, data: { token: encoded("stale") } };
  const patch = [{ op: "add", path: "/image_pull_secret", value }];
  return { metadata, patch: { type: "application/json-patch+json", patch } };
}

export function encoded(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** A client that resumes a server: all its writes, one right after the other. */
export async function resumeAsClient(
  client: KubeClient,
  at: { readonly namespace: string; readonly name: string },
  podSpec: object,
): Promise<void> {
  const write = async (patch: Patch, kind: Parameters<KubeClient["patch"]>[0], name: string): Promise<unknown> =>
    await client.patch(kind, { ...at, name }, patch, AS_CLIENT, forever);
  const template = { spec: { ...podSpec, priorityClassName: "sessions" } };
  await write({ kind: "Strategic", body: { spec: { template } } }, kinds.StatefulSet, at.name);
  const secret = { data: { token: encoded("fresh") } };
  await write({ kind: "Merge", body: secret }, kinds.Secret, imageSecret(at.name).metadata.name);
  const resume = { spec: { jupyterServer: { hibernated: false } } };
  await write({ kind: "Merge", body: resume }, SERVER_KIND, at.name);
}

/** Variables of a container of a StatefulSet, by name. */
export function variables({ spec }: Live<StatefulSet>, container: string): Readonly<Record<string, string>> {
  const { containers = [], initContainers = [] } = spec?.template.spec ?? {};
  const env = [...containers, ...initContainers].find(({ name }) => name === container)?.env ?? [];
  return Object.fromEntries(env.map(({ name, value = "" }) => [name, value]));
}
