import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ClusterError, step } from "@amalthea/cluster";
import { buildImage } from "@amalthea/images";
import { type Release, settlePendingRelease } from "./pending-release.ts";
import type { TargetCluster } from "./provide-cluster.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Release of the chart, and the namespace it is installed in. */
export const release: Release = { name: "amalthea", namespace: "amalthea", timeoutSeconds: 300 };

/** What was installed. */
export type Installation = {
  /** Name under which the cluster finds our JupyterLab image. */
  readonly jupyterImage: string;
  /** Name of the demo identity provider's image. */
  readonly identityProviderImage: string;
  /** Name of the image that signs people in. */
  readonly oauth2ProxyImage: string;
  /** Arguments of the helm command that installed the chart, to install it again. */
  readonly helmArguments: readonly string[];
};

/** Builds the images, brings them to the cluster and installs the chart, or upgrades what is installed there. */
export async function install(target: TargetCluster, signal: AbortSignal): Promise<Installation> {
  const provide = (name: string): Promise<ProvidedImage> => provideImage(name, target, signal);
  const [controller, jupyter, traefik, oauth2Proxy, authorization, identityProvider] = await Promise.all([
    ...[provide("controller"), provide("jupyter"), provide("traefik"), provide("oauth2-proxy")],
    ...[provide("authorization"), provide("demo-identity-provider")],
  ] as const);
  const namespace = { kind: "Namespace", apiVersion: "v1", metadata: { name: release.namespace, labels: restricted } };
  await kubectl(target, ["apply", "-f", "-"], signal, JSON.stringify(namespace));
  const separator = controller.name.lastIndexOf(":");
  const helmArguments = [
    ...["upgrade", "--install", release.name, join(root, "helm-chart/amalthea"), "--namespace", release.namespace],
    ...["--set", "scope.clusterWide=true", "--set", `image.repository=${controller.name.slice(0, separator)}`],
    ...["--set", `image.tag=${controller.name.slice(separator + 1)}`],
    ...["--set", "metrics.enabled=true"],
    // A tag that was pushed again is new content: the digest among the annotations starts new pods.
    ...["--set", `image.pullPolicy=${isKind(target) ? "IfNotPresent" : "Always"}`],
    // The kubelets of a cluster of ours have certificates that can be verified; those of others may not.
    ...(target.context === undefined
      ? ["--set", "resourceUsageCheck.kubelet.enabled=true", "--set", "resourceUsageCheck.intervalSeconds=10"]
      : []),
    ...["--set", `sidecarImages.traefik=${traefik.exactName}`],
    ...["--set", `sidecarImages.oauth2Proxy=${oauth2Proxy.exactName}`],
    ...["--set", `sidecarImages.authorization=${authorization.exactName}`],
    ...[
      "--set",
      `podAnnotations.image-digest=${controller.digest}`,
      "--wait",
      "--timeout",
      `${release.timeoutSeconds}s`,
    ],
  ];
  const releaseCluster = {
    isOurs: target.context === undefined,
    kubectl: (args: readonly string[]) => kubectl(target, args, signal),
  };
  await settlePendingRelease(releaseCluster, release, signal);
  await runStep("Amalthea installed", target, "helm", helmArguments, signal);
  return {
    jupyterImage: jupyter.name,
    identityProviderImage: identityProvider.exactName,
    oauth2ProxyImage: oauth2Proxy.exactName,
    helmArguments,
  };
}

/** The controller keeps to the strictest of the Pod Security Standards. */
const restricted = { "pod-security.kubernetes.io/enforce": "restricted" };

/** An image that the cluster can run. */
export type ProvidedImage = {
  readonly name: string;
  readonly digest: string;
  /** With the digest: a node that has an earlier image of the same name pulls this one. */
  readonly exactName: string;
};

/** Builds an image and brings it to the cluster. */
export async function provideImage(name: string, target: TargetCluster, signal: AbortSignal): Promise<ProvidedImage> {
  const image = await buildImage(name, { progress: console.log, signal });
  // A node asks a registry for ":latest" even if the image was loaded into it, and no registry has ours.
  const isLasting = (reference: string): boolean => !isKind(target) || !reference.endsWith(":latest");
  const wanted = image.references.find(isLasting) ?? image.reference;
  const reference = await step(console.log, `image ${wanted} in the cluster`, async (waitingFor) => {
    waitingFor("its copy to the registry or the nodes");
    return target.loadImage(image.archive, wanted, signal);
  });
  // kind's nodes pull nothing and know no digest of what was loaded into them.
  const exactName = isKind(target) ? reference : `${reference}@${image.digest}`;
  return { name: reference, digest: image.digest, exactName };
}

function isKind(target: TargetCluster): boolean {
  return target.context?.startsWith("kind-") === true;
}

/** Runs kubectl against the target and returns what it printed. @throws ClusterError with its last line. */
export function kubectl(
  target: TargetCluster,
  args: readonly string[],
  signal: AbortSignal,
  input = "",
): Promise<string> {
  return run(target, "kubectl", args, signal, input);
}

/** Runs helm or kubectl as one step that says how long it took. @throws ClusterError with its last line. */
export async function runStep(
  title: string,
  target: TargetCluster,
  command: "kubectl" | "helm",
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await step(console.log, title, async (waitingFor) => {
    waitingFor(command);
    await run(target, command, args, signal, "");
  });
}

function run(
  target: TargetCluster,
  command: "kubectl" | "helm",
  args: readonly string[],
  signal: AbortSignal,
  input: string,
): Promise<string> {
  const contextFlag = command === "helm" ? "--kube-context" : "--context";
  const context = target.context === undefined ? [] : [contextFlag, target.context];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(command, ["--kubeconfig", target.kubeconfig, ...context, ...args], {
    signal,
    env: { ...process.env, PATH: [target.toolsPath, process.env["PATH"]].filter(Boolean).join(":") },
  });
  const output = { out: "", err: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output.err += chunk.toString()));
  child.on("error", reject);
  child.on("close", (code) => {
    if (code === 0) return resolve(output.out);
    reject(new ClusterError(`"${command} ${args.join(" ")}" failed: ${output.err.trim()}`));
  });
  child.stdin.on("error", () => undefined).end(input); // a command that fails early does not read its input
  return promise;
}
