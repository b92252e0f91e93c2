import { Agent, request } from "undici";
import type { ControlPlane } from "@amalthea/cluster";

/** A server as a user writes it: valid but for what `spec` says. */
export function aServer(spec: object, name = "alice"): object {
  const base = { routing: { host: "hub.example.org" } };
  return { apiVersion: "amalthea.dev/v1alpha1", kind: "JupyterServer", metadata: { name }, spec: { ...base, ...spec } };
}

/** Installs or replaces a CRD and waits until the API server serves it. A warning counts as a failure. */
export async function installCrd(cluster: ControlPlane, crd: object): Promise<void> {
  const { name } = (crd as { readonly metadata: { readonly name: string } }).metadata; // or it cannot be installed
  const args = ["apply", "--server-side", "--force-conflicts", "--warnings-as-errors", "-f=-"];
  await cluster.kubectl(args, { stdin: JSON.stringify(crd) });
  await cluster.kubectl(["wait", "--for=condition=Established", `crd/${name}`, "--timeout=90s"]);
  await cluster.kubectl(["get", name, "--all-namespaces"]);
}

/** Somebody whom the administrator of the API server acts as. */
export type Someone = { readonly user: string; readonly groups: readonly string[] };

/** Where, and as whom, a test acts. Default: as the administrator, in the namespace "default". */
export type Place = { readonly namespace?: string; readonly as?: Someone | undefined };

/** What the API server would store for a server, as JSON; nothing is stored. A warning counts as a failure. @throws Error with what it says. */
export async function create(cluster: ControlPlane, object: object, place: Place = {}): Promise<string> {
  const path = `${collection(place)}?dryRun=All&fieldValidation=Strict`;
  const answer = await call(cluster, "POST", path, place, { type: "application/json", content: object });
  const { warning } = answer.headers;
  if (warning !== undefined) throw new Error(String(warning));
  return answer.text;
}

/** Merges a change into a server, or into its status. @returns The server. @throws Error with what the API server says. */
export async function patch<T>(
  cluster: ControlPlane,
  name: string,
  change: object,
  { subresource, ...place }: Place & { readonly subresource?: "status" } = {},
): Promise<T> {
  const path = `${collection(place)}/${name}${subresource === undefined ? "" : `/${subresource}`}`;
  const body = { type: "application/merge-patch+json", content: change };
  return JSON.parse((await call(cluster, "PATCH", path, place, body)).text) as T;
}

/** Deletes a server, or says that it is to be deleted. @throws Error with what the API server says. */
export async function remove(cluster: ControlPlane, name: string, place: Place = {}): Promise<void> {
  await call(cluster, "DELETE", `${collection(place)}/${name}`, place);
}

/** @throws Error with what the API server says, for a server that is not there. */
export async function read(cluster: ControlPlane, name: string, place: Place = {}): Promise<void> {
  await call(cluster, "GET", `${collection(place)}/${name}`, place);
}

function collection({ namespace = "default" }: Place): string {
  return `/apis/amalthea.dev/v1alpha1/namespaces/${namespace}/jupyterservers`;
}

type Method = "GET" | "POST" | "PATCH" | "DELETE";

type Body = { readonly type: string; readonly content: object };

type Answer = { readonly text: string; readonly headers: Readonly<Record<string, string | string[] | undefined>> };

/** One request without a kubectl, whose start takes longer than most answers. */
async function call(cluster: ControlPlane, method: Method, path: string, { as }: Place, body?: Body): Promise<Answer> {
  const { statusCode, headers, ...answer } = await request(`${cluster.url}${path}`, {
    method,
    dispatcher: agentOf(cluster),
    headers: {
      authorization: `Bearer ${cluster.adminToken}`,
      ...(as === undefined ? {} : { "impersonate-user": as.user, "impersonate-group": [...as.groups] }),
      ...(body === undefined ? {} : { "content-type": body.type }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body.content) }),
  });
  const text = await answer.body.text();
  if (statusCode >= 300) throw new Error(`${method} ${path}: ${statusCode} ${messageOf(text)}`);
  return { text, headers };
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { readonly message?: string }).message ?? text;
  } catch {
    return text; // not every failure is a Status object
  }
}

/** By HTTP/1: for HTTP/2 undici joins the groups of somebody into one. */
const agents = new WeakMap<ControlPlane, Agent>();

function agentOf(cluster: ControlPlane): Agent {
  const agent = agents.get(cluster) ?? new Agent({ allowH2: false, connect: { ca: cluster.certificateAuthority } });
  agents.set(cluster, agent);
  return agent;
}
