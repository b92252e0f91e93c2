import {
  CONTAINERS,
  HTTP_PORT_NAME,
  isPathWithin,
  type JupyterServer,
  normalizePath,
  PORTS,
  prefixOf,
  type ExtraPort,
  type UserIds,
  VOLUMES,
} from "@amalthea/api";
import type {
  Container,
  ContainerPort,
  EnvVar,
  Probe,
  SecurityContext,
  VolumeMount,
} from "kubernetes-types/core/v1.js";
import { isOidc, type ChildContext } from "./child-context.ts";
import { copyOf } from "../values/json.ts";
import { JUPYTER_ENV, SECRET_FILES } from "../live/pod-names.ts";

const CONFIG_DIRECTORY = "/etc/jupyter_server_config";
const SECRETS_DIRECTORY = "/etc/jupyter_server_secrets";

/** Name of the volume for `/dev/shm`; there only if `shmSize` is set. */
export const SHARED_MEMORY_VOLUME = "shm";

/** Size of `/dev/shm`; undefined, also for an empty text, leaves it to the container runtime. */
export function sharedMemorySize({ spec }: JupyterServer): string | undefined {
  const { shmSize = "" } = spec.jupyterServer;
  return shmSize === "" ? undefined : String(shmSize);
}

/** The user's container. It meets Pod Security `restricted`; its root file system stays writable, as notebooks expect. */
export function jupyterContainer(context: ChildContext): Container {
  const { image, resources, ...settings } = context.server.spec.jupyterServer;
  const isBehindProxy = isOidc(context.server);
  const ports = containerPorts(settings, isBehindProxy);
  return {
    name: CONTAINERS.jupyter,
    image,
    workingDir: workingDirectory(context),
    env: environment(context, isBehindProxy),
    ...(ports.length === 0 ? {} : { ports }),
    resources: resources,
    ...(isBehindProxy ? {} : probes(context.route.path, settings)),
    ...given(settings),
    securityContext: unprivileged(settings.securityContext ?? JOVYAN),
    volumeMounts: volumeMounts(context),
  };
}

type Settings = JupyterServer["spec"]["jupyterServer"];

function containerPorts({ extraPorts = [] }: Pick<Settings, "extraPorts">, isBehindProxy: boolean): ContainerPort[] {
  const own = isBehindProxy ? [] : [{ name: HTTP_PORT_NAME, containerPort: PORTS.jupyter }];
  const all: readonly ExtraPort[] = [...own, ...extraPorts];
  return all.map(({ name, containerPort, protocol = "TCP" }) => ({ name, containerPort, protocol }));
}

/** Fields that a container has under the same name, as far as the spec sets them. */
function given(
  settings: Pick<Settings, "imagePullPolicy" | "command" | "args" | "envFrom" | "lifecycle">,
): Partial<Container> {
  const { imagePullPolicy, command, args, envFrom, lifecycle } = settings;
  return copyOf({ imagePullPolicy, command, args, envFrom, lifecycle }) as unknown as Partial<Container>; // as the CRD admitted them
}

/** User and group of the Jupyter images, unless the spec sets any of them. */
const JOVYAN = { runAsUser: 1000, runAsGroup: 100 };

/** What Pod Security `restricted` requires, with a user and a group that may be left to the image or the platform. */
export function unprivileged(
  { runAsUser, runAsGroup }: Pick<UserIds, "runAsUser" | "runAsGroup">,
  more: SecurityContext = {},
): SecurityContext {
  return {
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    runAsNonRoot: true,
    ...more,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  };
}

/**
 * The container runtime creates a missing working directory as root, where Jupyter could not write. So on the volume the
 * container starts at the mount point, and the configuration creates the directory as the container's user.
 */
function workingDirectory({ server }: ChildContext): string {
  const { rootDir } = server.spec.jupyterServer;
  const { mountPath } = server.spec.storage.pvc;
  return isPathWithin(rootDir, mountPath) ? normalizePath(mountPath) : rootDir;
}

function environment({ server, route }: ChildContext, isBehindProxy: boolean): EnvVar[] {
  const { defaultUrl, rootDir, env } = server.spec.jupyterServer;
  const values: Readonly<Record<string, string>> = {
    [JUPYTER_ENV.listenAddress]: isBehindProxy ? "127.0.0.1" : "*",
    [JUPYTER_ENV.port]: String(PORTS.jupyter),
    [JUPYTER_ENV.baseUrl]: route.path,
    [JUPYTER_ENV.defaultUrl]: defaultUrl,
    [JUPYTER_ENV.rootDir]: rootDir,
    [JUPYTER_ENV.allowOrigin]: route.origin,
    ...(isBehindProxy ? {} : tokenVariables(server)),
    [JUPYTER_ENV.cookieSecretFile]: `${SECRETS_DIRECTORY}/${SECRET_FILES.cookieSecret}`,
    JUPYTER_CONFIG_PATH: CONFIG_DIRECTORY,
  };
  const ours = Object.entries(values).map(([name, value]) => ({ name, value: literal(value) }));
  return [...ours, ...copyOf(env ?? [])] as EnvVar[]; // as the CRD admitted them
}

/** An empty token in the spec means an open server, as in 0.24; an empty one in a Secret is a mistake. */
function tokenVariables({ spec }: JupyterServer): Readonly<Record<string, string>> {
  const isOpen = spec.auth.token === "" && spec.auth.tokenSecretRef === undefined;
  const file = { [JUPYTER_ENV.tokenFile]: `${SECRETS_DIRECTORY}/${SECRET_FILES.token}` };
  return isOpen ? file : { ...file, [JUPYTER_ENV.tokenRequired]: "true" };
}

/** Whether the controller itself sets a variable of this name in the user's container. */
export function isReservedVariable(name: string): boolean {
  return name === "JUPYTER_CONFIG_PATH" || name.startsWith("AMALTHEA_");
}

/**
 * A value with `$(NAME)` escaped, which the kubelet would expand.
 * @see https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
export function literal(value: string): string {
  return value.replaceAll("$", "$$$$");
}

function volumeMounts({ server }: ChildContext): VolumeMount[] {
  const { extraVolumeMounts } = server.spec.jupyterServer;
  const { mountPath, subPath } = server.spec.storage.pvc;
  const part = subPath === undefined ? {} : { subPath };
  return [
    { name: VOLUMES.workspace, mountPath: normalizePath(mountPath), ...part },
    { name: VOLUMES.secrets, mountPath: SECRETS_DIRECTORY, readOnly: true },
    { name: VOLUMES.config, mountPath: CONFIG_DIRECTORY, readOnly: true },
    ...(sharedMemorySize(server) === undefined ? [] : [{ name: SHARED_MEMORY_VOLUME, mountPath: "/dev/shm" }]),
    ...copyOf(extraVolumeMounts ?? []),
  ] as VolumeMount[]; // as the CRD admitted them
}

/**
 * Jupyter serves `api` without a token, so no probe contains a secret. Five minutes to start, as before; a server that
 * hangs is restarted after a minute without a response at the earliest, and a response within 5 s is in time.
 */
function probes(
  path: string,
  { startupProbe, readinessProbe, livenessProbe }: Pick<Settings, ProbeName>,
): Pick<Container, ProbeName> {
  const httpGet = { path: `${prefixOf(path)}/api`, port: HTTP_PORT_NAME };
  const probe = (failureThreshold: number, thresholds: Settings[ProbeName]): Probe => ({
    httpGet,
    periodSeconds: 2,
    timeoutSeconds: 5,
    failureThreshold,
    ...thresholds,
  });
  return {
    startupProbe: probe(150, startupProbe),
    readinessProbe: probe(10, readinessProbe),
    livenessProbe: probe(30, livenessProbe),
  };
}

type ProbeName = "startupProbe" | "readinessProbe" | "livenessProbe";
