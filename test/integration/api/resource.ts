import type { ControlPlane } from "@amalthea/cluster";

/** A server as a user writes it: valid but for what `spec` says. */
export function aServer(spec: object, name = "alice"): object {
  const base = { routing: { host: "hub.example.org" } };
  return { apiVersion: "amalthea.dev/v1alpha1", kind: "JupyterServer", metadata: { name }, spec: { ...base, ...spec } };
}

/** Installs or replaces a CRD and waits until the API server serves it. A warning counts as a failure. */
export async function installCrd(cluster: ControlPlane, crd: object): Promise<void> {
  const args = ["apply", "--server-side", "--force-conflicts", "--warnings-as-errors", "-f=-"];
  await cluster.kubectl(args, { stdin: JSON.stringify(crd) });
  await cluster.kubectl(["wait", "--for=condition=Established", "crd/jupyterservers.amalthea.dev", "--timeout=90s"]);
  await cluster.kubectl(["get", "jupyterservers", "--all-namespaces"]);
}

/** What the API server would store for an object, as JSON; nothing is stored. */
export async function create(cluster: ControlPlane, object: object): Promise<string> {
  const args = ["create", "--dry-run=server", "--warnings-as-errors", "-o=json", "-f=-"];
  const { stdout } = await cluster.kubectl(args, { stdin: JSON.stringify(object) });
  return stdout;
}
