import { ACTIVITY_PORT_NAME, childName, CONTAINERS, PORTS, SECRET_KEYS, type JupyterServer } from "@amalthea/api";
import type { Pod } from "kubernetes-types/core/v1.js";
import { activePod } from "../live/pod.ts";
import type { ActivityQuestion } from "./activity-question.ts";
import type { CullingSettings } from "./culling-settings.ts";
import type { Observed } from "../live/observed.ts";

export type Askable =
  | { readonly kind: "Askable"; readonly question: ActivityQuestion }
  /** For people. */
  | { readonly kind: "NotAskable"; readonly why: string };

/**
 * How the activity of a server can be read. A pod on the network of its node is never asked: its address is that of
 * everything else on the node.
 *
 * @param basePath Path that the running pod was started with.
 */
export function askableOf(
  { server, ...observed }: Observed,
  basePath: string | undefined,
  { cpuUsageMillicoresIdleThreshold }: Pick<CullingSettings, "cpuUsageMillicoresIdleThreshold">,
): Askable {
  const pod = activePod({ server, ...observed });
  const address = pod?.status?.podIP;
  if (pod === undefined || address === undefined || basePath === undefined) return notAskable("it has no pod yet");
  if (pod.spec?.hostNetwork === true) return notAskable("its pod is on the network of the node");
  const withCpu = cpuUsageMillicoresIdleThreshold > 0;
  const target = { podUid: pod.metadata.uid, address, basePath, withCpu };
  if (!hasLogin(pod)) {
    return askable({ ...target, port: PORTS.jupyter, whom: "Jupyter", credential: tokenOf(server) });
  }
  if (!hasActivityPort(pod))
    return notAskable("its pod was started by an earlier version and can be asked from its next start on");
  const credential = { name: childName(server), key: SECRET_KEYS.activityKey };
  return askable({ ...target, port: PORTS.activity, whom: "Report", credential });
}

function askable(question: ActivityQuestion): Askable {
  return { kind: "Askable", question };
}

function notAskable(why: string): Askable {
  return { kind: "NotAskable", why };
}

/** Whether Jupyter listens on loopback only. With a login of 0.24 it listens on the pod's address, without a token. */
function hasLogin({ spec }: Pod): boolean {
  return spec?.containers.some(({ name }) => name === CONTAINERS.authorization) ?? false;
}

function hasActivityPort({ spec }: Pod): boolean {
  return (
    spec?.containers.some(
      ({ name, ports }) => name === CONTAINERS.authorization && ports?.some((port) => port.name === ACTIVITY_PORT_NAME),
    ) ?? false
  );
}

function tokenOf({ metadata, spec }: JupyterServer): ActivityQuestion["credential"] {
  const { token, tokenSecretRef, oidc } = spec.auth;
  if (tokenSecretRef !== undefined) return { name: tokenSecretRef.name, key: tokenSecretRef.key };
  return token === "" || oidc.enabled ? undefined : { name: metadata.name, key: SECRET_KEYS.token };
}
