import type { EnvVar, ResourceRequirements, SecurityContext } from "kubernetes-types/core/v1.js";
import type { DecisionSettings, SidecarOverrides } from "../../settings.ts";
import type { ChildContext } from "../child-context.ts";
import { literal, unprivileged } from "../jupyter-container.ts";

/** Default resources of the sidecars. Measured after load. */
const RESOURCES = {
  /** 95 MiB resident, of which 20 private; and while 5,000 connections send no end of a header: 270. */
  traefik: { requests: { cpu: "20m", memory: "32Mi" }, limits: { memory: "384Mi" } },
  /** 23 MiB resident, 5 of them private. */
  oauth2Proxy: { requests: { cpu: "20m", memory: "16Mi" }, limits: { memory: "64Mi" } },
  /** 65 MiB resident, of which 17 private; and while 5,000 sessions are made up at once: 120. */
  authorization: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "192Mi" } },
} as const;

type Sidecar = keyof typeof RESOURCES;

/** Resources of a sidecar, as the server or else the chart says. */
export function sidecarResources({ server, settings }: ChildContext, sidecar: Sidecar): ResourceRequirements {
  return server.spec.jupyterServer.sidecarResources?.[sidecar] ?? chartResources(settings, sidecar);
}

/** Resources of a sidecar of a server that says nothing of them. */
export function chartResources({ sidecars }: DecisionSettings, sidecar: Sidecar): ResourceRequirements {
  return sidecars[sidecar]?.resources ?? RESOURCES[sidecar];
}

/** An unprivileged user, as in the images of oauth2-proxy and of our own service. */
const NOBODY = { runAsUser: 65532, runAsGroup: 65532 };

/**
 * Sidecars write nothing, need no privileges, and run as an unprivileged user or as the one that the platform assigns.
 */
export function sidecarSecurity({ securityContext = NOBODY }: SidecarOverrides): SecurityContext {
  return unprivileged(securityContext, { readOnlyRootFilesystem: true });
}

/**
 * The containers of the pod connect to each other directly; not every program bypasses a proxy for loopback by itself.
 */
const LOOPBACK = "localhost,127.0.0.1";

/** Variables by which a program finds the proxy to the outside; none if there is none. */
export function proxyVariables({ proxy = {} }: SidecarOverrides): EnvVar[] {
  const { httpProxy, httpsProxy, noProxy } = proxy;
  if (httpProxy === undefined && httpsProxy === undefined) return [];
  const variables = {
    HTTP_PROXY: httpProxy,
    HTTPS_PROXY: httpsProxy,
    NO_PROXY: noProxy === undefined ? LOOPBACK : `${LOOPBACK},${noProxy}`,
  };
  return Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: literal(value) }],
  );
}
