import { CONTAINERS, HTTP_PORT_NAME, PORTS } from "@amalthea/api";
import type { Container, Volume } from "kubernetes-types/core/v1.js";
import type { ChildContext } from "../child-context.ts";
import { literal } from "../jupyter-container.ts";
import { PROXY_LIVENESS } from "./liveness.ts";
import { goEnvironment } from "./memory.ts";
import { sidecarResources, sidecarSecurity } from "./sidecar-settings.ts";

const ROUTES_DIRECTORY = "/etc/auth-proxy";
const ROUTES_VOLUME = "auth-proxy-routes";

/**
 * On the pod template: the proxy's routes, which the container reads as a file. They belong to the pod and not to a
 * ConfigMap, because they must change together with base path and redirect URL, that is, with the pod.
 */
export const ROUTES_ANNOTATION = "amalthea.dev/auth-proxy-routes";

/** Static configuration: the server's entry point, and one for the kubelet that nothing outside the pod's node needs. */
const ARGS = [
  "--global.checkNewVersion=false",
  "--global.sendAnonymousUsage=false",
  "--log.level=ERROR",
  `--entryPoints.web.address=:${PORTS.authProxy}`,
  "--entryPoints.web.http.aliasHeadersStrategy=delete",
  // Twice what people have who use many servers of one host. Each connection may hold this much before it says anything.
  "--entryPoints.web.http.maxHeaderBytes=32768",
  "--entryPoints.web.http.encodedCharacters.allowEncodedSlash=true",
  "--entryPoints.web.http.encodedCharacters.allowEncodedPercent=true",
  "--entryPoints.web.http.encodedCharacters.allowEncodedQuestionMark=true",
  "--entryPoints.web.http.encodedCharacters.allowEncodedHash=true",
  "--entryPoints.web.http.encodedCharacters.allowEncodedSemicolon=true",
  "--entryPoints.web.http.encodedCharacters.allowEncodedBackSlash=false",
  "--entryPoints.web.http.encodedCharacters.allowEncodedNullCharacter=false",
  // Of a whole request, and of its answer: the default of 60 s would cut a slow upload. There is no limit for the
  // header alone. An answer that is under way when its reader loses access ends with this at the latest. WebSockets
  // have neither.
  "--entryPoints.web.transport.respondingTimeouts.readTimeout=1h",
  "--entryPoints.web.transport.respondingTimeouts.writeTimeout=1h",
  `--entryPoints.probe.address=:${PORTS.probe}`,
  "--entryPoints.probe.http.aliasHeadersStrategy=delete",
  "--ping=true",
  "--ping.entryPoint=probe",
  `--providers.file.directory=${ROUTES_DIRECTORY}`,
  "--providers.file.watch=false",
];

/** The proxy that every request passes. It is restarted when it hangs itself, not when Jupyter does. */
export function authProxy(context: ChildContext): Container {
  const { server, settings } = context;
  const resources = sidecarResources(context, "traefik");
  return {
    name: CONTAINERS.authProxy,
    image: settings.images.traefik,
    args: [...ARGS, ...(settings.sidecars.traefik?.extraArgs ?? []).map(literal)],
    ports: [{ name: HTTP_PORT_NAME, containerPort: PORTS.authProxy, protocol: "TCP" }],
    env: goEnvironment(resources),
    resources,
    livenessProbe: PROXY_LIVENESS,
    readinessProbe: {
      httpGet: { path: "/ready", port: PORTS.probe },
      periodSeconds: 2,
      timeoutSeconds: 5,
      failureThreshold: 10,
      ...server.spec.jupyterServer.readinessProbe,
    },
    securityContext: sidecarSecurity(settings.sidecars),
    volumeMounts: [{ name: ROUTES_VOLUME, mountPath: ROUTES_DIRECTORY, readOnly: true }],
  };
}

/** The volume in which the container finds its routes. */
export function routesVolume(): Volume {
  const fieldRef = { fieldPath: `metadata.annotations['${ROUTES_ANNOTATION}']` };
  return { name: ROUTES_VOLUME, downwardAPI: { items: [{ path: "routes.yaml", fieldRef }] } };
}
