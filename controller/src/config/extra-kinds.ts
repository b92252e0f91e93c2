import { defineKind, isNotFound, type Kind, type KubeClient, type Logger } from "@amalthea/kube";
import type { ExtraChildResource } from "./config.ts";
import { CHILD_KINDS } from "../kinds.ts";

type ResourceList = {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
};
type Group = { readonly preferredVersion?: { readonly groupVersion?: string } };

/**
 * Looks up the kinds that patches may add as children, which are configured by plural and group only. Kinds that are
 * watched anyway are omitted; one that the cluster does not serve is skipped with a warning, as its CRD may have
 * been removed.
 */
export async function resolveExtraKinds(
  resources: readonly ExtraChildResource[],
  client: KubeClient,
  logger: Logger,
  signal: AbortSignal,
): Promise<readonly Kind[]> {
  const found: Kind[] = [];
  for (const resource of resources) {
    const kind = await resolve(resource, client, signal);
    const isKnown = [...CHILD_KINDS, ...found].some(
      (known) => known.kind === kind?.kind && known.apiVersion === kind.apiVersion,
    );
    if (kind === undefined) logger.warn({ ...resource }, "the cluster does not serve an extra child resource");
    else if (kind.kind === "Secret" && kind.apiVersion === "v1") {
      logger.warn({ ...resource }, "secrets cannot be an extra child resource, because they are never watched");
    } else if (!kind.namespaced) logger.warn({ ...resource }, "an extra child resource must be namespaced");
    else if (!isKnown) found.push(kind);
  }
  return found;
}

async function resolve(
  { name, group }: ExtraChildResource,
  client: KubeClient,
  signal: AbortSignal,
): Promise<Kind | undefined> {
  const apiVersion =
    group === "" ? "v1" : (await read<Group>(`/apis/${group}`, client, signal))?.preferredVersion?.groupVersion;
  if (apiVersion === undefined) return undefined;
  const path = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const resource = (await read<ResourceList>(path, client, signal))?.resources?.find((entry) => entry.name === name);
  if (resource === undefined) return undefined;
  return defineKind({ apiVersion, kind: resource.kind, plural: name, namespaced: resource.namespaced });
}

async function read<T>(path: string, client: KubeClient, signal: AbortSignal): Promise<T | undefined> {
  try {
    return JSON.parse(await client.getText(path, signal)) as T; // discovery documents have had this form since v1
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
