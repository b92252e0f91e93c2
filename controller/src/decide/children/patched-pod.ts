import { CONTAINERS, HTTP_PORT_NAME, PORTS, type JupyterServer } from "@amalthea/api";
import type { Adjustment, Warning } from "../facts.ts";
import { podSpecOf } from "../live/child.ts";
import { isObject, listOf, objectOf, valueAt, type JsonObject } from "../values/json.ts";
import { isOidc, type ChildContext } from "./child-context.ts";
import { desiredReplicas } from "./stateful-set.ts";

/** Containers that must be there, and those that follow what patches add. */
const WITH_LOGIN = {
  needed: [CONTAINERS.jupyter, CONTAINERS.oauth2Proxy],
  added: [CONTAINERS.authorization, CONTAINERS.authProxy],
} as const;
const WITHOUT_LOGIN = { needed: [CONTAINERS.jupyter], added: [] } as const;

/**
 * What patches have removed from the server's pod or duplicated in it, so that it would be unusable; undefined if it is
 * complete.
 */
export function containersReason(server: JupyterServer, statefulSet: JsonObject): string | undefined {
  const reason = namesReason(server, podSpecOf(statefulSet));
  return reason === undefined ? undefined : `spec.template.spec.containers: ${reason}`;
}

function namesReason(server: JupyterServer, podSpec: unknown): string | undefined {
  const names = namesIn(podSpec, "containers");
  const { needed, added } = isOidc(server) ? WITH_LOGIN : WITHOUT_LOGIN;
  const missing = needed.find((name) => !names.includes(name));
  if (missing !== undefined) {
    return `${missing} is missing; a merge patch replaces the whole list, a JSON patch can add to it`;
  }
  const all = [...names, ...namesIn(podSpec, "initContainers")];
  const taken = added.find((name) => all.includes(name));
  if (taken !== undefined) return `${taken} is a container of the login; use another name`;
  const double = all.find((name, index) => all.indexOf(name) !== index);
  return double === undefined ? undefined : `two have the name ${double.slice(0, 63)}; use another name`;
}

function namesIn(podSpec: unknown, list: "containers" | "initContainers"): readonly string[] {
  return listOf(valueAt(podSpec, list))
    .map((container) => valueAt(container, "name"))
    .filter((name) => typeof name === "string");
}

/**
 * The StatefulSet with our port where the Service finds it by its name, and with that name nowhere else: requests would
 * go there, past a login.
 */
export function withOwnPort(
  server: JupyterServer,
  statefulSet: JsonObject,
): { readonly statefulSet: JsonObject; readonly adjustments: readonly Adjustment[] } {
  const adjustments: Adjustment[] = [];
  const spec = objectOf(statefulSet["spec"]);
  const template = objectOf(spec["template"]);
  const podSpec = objectOf(template["spec"]);
  const containers = listOf(podSpec["containers"]).map((container) => {
    if (!isObject(container)) return container;
    const { name } = container;
    if (name === CONTAINERS.jupyter && !isOidc(server)) return withHttpPort(container, adjustments);
    return withoutHttpName(container, adjustments);
  });
  const complete = { ...template, spec: { ...podSpec, containers } };
  return { statefulSet: { ...statefulSet, spec: { ...spec, template: complete } }, adjustments };
}

const OUR_PORT = { name: HTTP_PORT_NAME, containerPort: PORTS.jupyter, protocol: "TCP" };

function withHttpPort(container: JsonObject, adjustments: Adjustment[]): JsonObject {
  const { ports } = container;
  if (ports !== undefined && ports !== null && !Array.isArray(ports)) return container; // for the API server to refuse
  const given = listOf(ports);
  if (given.some((port) => valueAt(port, "name") === HTTP_PORT_NAME)) return container;
  const others = given.filter((port) => !isOurPort(port));
  for (const port of given.filter(isOurPort)) {
    if (valueAt(port, "name") !== undefined) adjustments.push(renamed(container));
  }
  return { ...container, ports: [OUR_PORT, ...others] };
}

function isOurPort(port: unknown): boolean {
  return valueAt(port, "containerPort") === OUR_PORT.containerPort && (valueAt(port, "protocol") ?? "TCP") === "TCP";
}

function withoutHttpName(container: JsonObject, adjustments: Adjustment[]): JsonObject {
  const ports = listOf(container["ports"]);
  if (!ports.some((port) => valueAt(port, "name") === HTTP_PORT_NAME)) return container;
  adjustments.push(renamed(container));
  const unnamed = ports.map((port) => {
    if (valueAt(port, "name") !== HTTP_PORT_NAME) return port;
    const { name: _taken, ...rest } = objectOf(port);
    return rest;
  });
  return { ...container, ports: unnamed };
}

function renamed({ name }: JsonObject): Adjustment {
  return { field: `spec.template.spec.containers[${String(name).slice(0, 63)}].ports`, why: "PortNameTaken" };
}

/**
 * The patched StatefulSet with the server's replicas, whatever patches say: more pods would share one volume, and a
 * server with a running pod would be reported as hibernated.
 */
export function withOwnReplicas(context: ChildContext, statefulSet: JsonObject): JsonObject {
  return { ...statefulSet, spec: { ...objectOf(statefulSet["spec"]), replicas: desiredReplicas(context) } };
}

/** The patched StatefulSet without `ordinals`: the server's pod is found by the name that ends in 0. */
export function withOwnOrdinal(statefulSet: JsonObject): {
  readonly statefulSet: JsonObject;
  readonly adjustments: readonly Adjustment[];
} {
  const { ordinals, ...spec } = objectOf(statefulSet["spec"]);
  if ((valueAt(ordinals, "start") ?? 0) === 0) return { statefulSet, adjustments: [] };
  return { statefulSet: { ...statefulSet, spec }, adjustments: [{ field: "spec.ordinals", why: "OrdinalFixed" }] };
}

/** @param patchIndex The patch that asks for another number of pods. */
export function replicasWarning(patchIndex: number): Warning {
  const reason = "the number of pods follows spec.jupyterServer.hibernated alone";
  return { kind: "PatchSkipped", patchIndex, path: "/statefulset/spec/replicas", reason };
}
