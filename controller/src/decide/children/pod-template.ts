import {
  childName,
  LABELS,
  OUR_PREFIX,
  RESERVED_POD_ANNOTATIONS,
  RESERVED_POD_LABELS,
  SECRET_KEYS,
  VOLUMES,
  type UserIds,
} from "@amalthea/api";
import type {
  PodSecurityContext,
  PodSpec,
  PodTemplateSpec,
  Volume,
  VolumeProjection,
} from "kubernetes-types/core/v1.js";
import { isOidc, podSelector, type ChildContext } from "./child-context.ts";
import { copyOf } from "../values/json.ts";
import { SECRET_FILES } from "../live/pod-names.ts";
import { jupyterContainer, SHARED_MEMORY_VOLUME, sharedMemorySize } from "./jupyter-container.ts";
import { JUPYTERLAB_SETTINGS_KEY } from "./config-map.ts";
import { JUPYTER_CONFIG_FILES } from "./jupyter-config.ts";
import { oauth2Proxy } from "./sidecars/oauth2-proxy.ts";

/** Group of `jovyan` in the Jupyter images: a volume is made writable for it. */
const FILE_SYSTEM_GROUP = 100;

/**
 * The pod as patches see it. `imagePullSecrets` and `initContainers` are there even when empty, because patches append
 * to them. In OIDC mode oauth2-proxy is the second container, where patches expect it; our other two follow what
 * patches add.
 */
export function podTemplate(context: ChildContext): PodTemplateSpec {
  const { imagePullSecrets, ...settings } = context.server.spec.jupyterServer;
  const spec: PodSpec = {
    imagePullSecrets: [...(imagePullSecrets ?? [])],
    initContainers: [],
    containers: [jupyterContainer(context), ...(isOidc(context.server) ? [oauth2Proxy(context)] : [])],
    volumes: volumes(context),
    terminationGracePeriodSeconds: settings.terminationGracePeriodSeconds ?? 30,
    automountServiceAccountToken: settings.automountServiceAccountToken ?? false,
    enableServiceLinks: false,
    securityContext: groups(settings.securityContext ?? { fsGroup: FILE_SYSTEM_GROUP }),
    ...placement(context),
  };
  return { metadata: podMetadata(context), spec };
}

/** The spec cannot change the labels and annotations that identify the pod, nor the administrator's labels. */
function podMetadata({ server, settings }: ChildContext): { labels: Texts; annotations: Texts } {
  const { podLabels, podAnnotations } = server.spec.jupyterServer;
  const labels = without([...RESERVED_POD_LABELS, ...Object.keys(settings.selectorLabels)], podLabels);
  return {
    labels: { ...labels, ...podSelector(server) },
    annotations: without(RESERVED_POD_ANNOTATIONS, podAnnotations),
  };
}

type Texts = Record<string, string>;

function without(reserved: readonly string[], texts: Readonly<Texts> = {}): Texts {
  const isFree = (name: string): boolean => !reserved.includes(name) && !name.startsWith(OUR_PREFIX);
  return Object.fromEntries(Object.entries(texts).filter(([name]) => isFree(name)));
}

function groups({ fsGroup, fsGroupChangePolicy, supplementalGroups }: UserIds): PodSecurityContext {
  return {
    ...(fsGroup === undefined ? {} : { fsGroup }),
    // The default would visit every file of a large volume at each start.
    fsGroupChangePolicy: fsGroupChangePolicy ?? "OnRootMismatch",
    ...(supplementalGroups === undefined ? {} : { supplementalGroups: [...supplementalGroups] }),
  };
}

function placement({ server, settings }: ChildContext): Partial<PodSpec> {
  const { nodeSelector, tolerations, affinity, priorityClassName, serviceAccountName, ...more } =
    server.spec.jupyterServer;
  const given = {
    schedulerName: settings.schedulerName,
    nodeSelector,
    tolerations,
    affinity,
    priorityClassName,
    serviceAccountName,
    runtimeClassName: more.runtimeClassName,
    topologySpreadConstraints: more.topologySpreadConstraints,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function volumes(context: ChildContext): Volume[] {
  const { server } = context;
  const { extraVolumes } = server.spec.jupyterServer;
  const sizeLimit = sharedMemorySize(server);
  return [
    workspace(context),
    { name: VOLUMES.secrets, projected: { sources: secretSources(context) } },
    { name: VOLUMES.config, configMap: { name: childName(server), items: configItems() } },
    ...(sizeLimit === undefined ? [] : [{ name: SHARED_MEMORY_VOLUME, emptyDir: { medium: "Memory", sizeLimit } }]),
    ...copyOf(extraVolumes ?? []),
  ] as Volume[]; // as the CRD admitted them
}

function workspace({ server }: ChildContext): Volume {
  const { size, pvc } = server.spec.storage;
  const name = VOLUMES.workspace;
  if (pvc.existingClaim !== undefined) return { name, persistentVolumeClaim: { claimName: pvc.existingClaim } };
  if (pvc.enabled) return { name, persistentVolumeClaim: { claimName: childName(server) } };
  return { name, emptyDir: size === "" ? {} : { sizeLimit: String(size) } };
}

/** Only the files that Jupyter reads: the user's container must not see the secrets of the login. */
function secretSources({ server }: ChildContext): VolumeProjection[] {
  const { tokenSecretRef } = server.spec.auth;
  const cookieSecret = { key: SECRET_KEYS.cookieSecret, path: SECRET_FILES.cookieSecret };
  const own = { name: childName(server) };
  if (isOidc(server)) return [{ secret: { ...own, items: [cookieSecret] } }];
  if (tokenSecretRef === undefined) {
    return [{ secret: { ...own, items: [{ key: SECRET_KEYS.token, path: SECRET_FILES.token }, cookieSecret] } }];
  }
  const token = { key: tokenSecretRef.key, path: SECRET_FILES.token };
  return [{ secret: { name: tokenSecretRef.name, items: [token] } }, { secret: { ...own, items: [cookieSecret] } }];
}

function configItems(): { key: string; path: string }[] {
  const python = Object.keys(JUPYTER_CONFIG_FILES).map((key) => ({ key, path: key }));
  return [...python, { key: JUPYTERLAB_SETTINGS_KEY, path: `labconfig/${JUPYTERLAB_SETTINGS_KEY}` }];
}

/** Labels of the pod besides those of every child. */
export const MAIN_POD_LABELS: Readonly<Record<string, string>> = { [LABELS.mainPod]: "true" };
