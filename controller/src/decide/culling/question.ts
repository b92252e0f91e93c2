import {
  ACTIVITY_PORT_NAME,
  childName,
  CONTAINERS,
  PORTS,
  SECRET_KEYS,
  VOLUMES,
  type JupyterServer,
} from "@amalthea/api";
import type { EnvVar, Pod } from "kubernetes-types/core/v1.js";
import { activePod } from "../live/pod.ts";
import { JUPYTER_ENV, SECRET_FILES } from "../live/pod-names.ts";
import type { ActivityQuestion } from "./activity-question.ts";
import type { ActivitySettings } from "./activity.ts";
import type { Observed } from "../live/observed.ts";
import { matchesAny } from "../values/pattern.ts";

export type Askable =
  | { readonly kind: "Askable"; readonly question: ActivityQuestion }
  /** For people. */
  | { readonly kind: "NotAskable"; readonly why: string };

/** Names of the Secrets, besides the server's own, that servers may refer to; see `matchesAny`. */
export type AllowedSecrets = { readonly secrets: readonly string[] };

/**
 * How the activity of a server can be read. A pod on the network of its node is never asked: its address is that of
 * everything else on the node.
 *
 * @param basePath Path that the running pod was started with.
 */
export function askableOf(
  { server, ...observed }: Observed,
  basePath: string | undefined,
  { cpuUsageMillicoresIdleThreshold, openTabsAreActivity: withRequests }: ActivitySettings,
  { secrets }: AllowedSecrets,
): Askable {
  const pod = activePod({ server, ...observed });
  const address = pod?.status?.podIP;
  if (pod === undefined || address === undefined || basePath === undefined) return notAskable("it has no pod yet");
  if (pod.spec?.hostNetwork === true) return notAskable("its pod is on the network of the node");
  const withCpu = cpuUsageMillicoresIdleThreshold > 0;
  const target = { podUid: pod.metadata.uid, address, basePath, withCpu, withRequests };
  // Without a login, and with one of 0.24, Jupyter itself listens on the pod's address.
  const authorization = pod.spec?.containers.find(({ name }) => name === CONTAINERS.authorization);
  if (authorization === undefined) {
    const credential = tokenOf(pod, server);
    if (credential !== undefined && credential.name !== childName(server) && !matchesAny(credential.name, secrets)) {
      return notAskable("policy.secrets does not allow the Secret with its token");
    }
    return { kind: "Askable", question: { ...target, port: PORTS.jupyter, whom: "Jupyter", credential } };
  }
  if (authorization.ports?.some(({ name }) => name === ACTIVITY_PORT_NAME) !== true)
    return notAskable("its pod was started by an earlier version and can be polled from its next start on");
  const credential = { name: childName(server), key: SECRET_KEYS.activityKey };
  return { kind: "Askable", question: { ...target, port: PORTS.activity, whom: "Report", credential } };
}

function notAskable(why: string): Askable {
  return { kind: "NotAskable", why };
}

/**
 * The token that the pod was started with. The spec may name another Secret since, which its user need not be allowed to
 * read: the pod must not be sent that.
 */
function tokenOf(pod: Pod, server: JupyterServer): ActivityQuestion["credential"] {
  const containers = pod.spec?.containers ?? [];
  // With a login of 0.24 Jupyter asks for no token.
  if (containers.some(({ name }) => name === CONTAINERS.oauth2Proxy) || isOpen(pod, server)) return undefined;
  return projectedToken(pod) ?? legacyToken(pod);
}

function isOpen(pod: Pod, { spec }: JupyterServer): boolean {
  if (variable(pod, JUPYTER_ENV.tokenRequired) !== undefined) return false;
  return spec.auth.token === "" && spec.auth.tokenSecretRef === undefined;
}

function projectedToken({ spec }: Pod): ActivityQuestion["credential"] {
  const sources = spec?.volumes?.find(({ name }) => name === VOLUMES.secrets)?.projected?.sources ?? [];
  const tokens = sources.flatMap(({ secret }) =>
    (secret?.items ?? [])
      .filter(({ path }) => path === SECRET_FILES.token)
      .map(({ key }) => ({ name: secret?.name ?? "", key })),
  );
  return tokens[0];
}

function legacyToken(pod: Pod): ActivityQuestion["credential"] {
  const { name = "", key } = variable(pod, "SERVER_APP_TOKEN")?.valueFrom?.secretKeyRef ?? {};
  return key === undefined ? undefined : { name, key };
}

function variable({ spec }: Pod, name: string): EnvVar | undefined {
  const jupyter = spec?.containers.find((container) => container.name === CONTAINERS.jupyter);
  return jupyter?.env?.find((one) => one.name === name);
}
