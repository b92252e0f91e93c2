import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { buildCluster, ClusterError, run, up } from "@amalthea/cluster";

/** A cluster to install into: one of ours, or one that the user named. */
export type TargetCluster = {
  readonly kubeconfig: string;
  /** Context within the kubeconfig; undefined in a cluster of ours, whose kubeconfig has one. */
  readonly context: string | undefined;
  /** Where the ingress controller listens, without a slash at its end. */
  readonly ingressUrl: string;
  /** Folder with `kubectl` and `helm`; empty for those on the PATH. */
  readonly toolsPath: string;
  /** Loads an image into it; returns the name under which pods find it. */
  loadImage(archive: string, reference: string, signal: AbortSignal): Promise<string>;
  /** Releases the cluster: one created for a test is removed, anything else stays. */
  release(): Promise<void>;
};

/** What the user chose on the command line. */
export type ClusterChoice = {
  readonly context?: string | undefined;
  readonly kubeconfig?: string | undefined;
  /** Registry, with path, that the user's cluster pulls from: images are pushed there. */
  readonly registry?: string | undefined;
  readonly "ingress-url"?: string | undefined;
  /** Name of a cluster of ours, where no context is given. */
  readonly name: string;
};

/**
 * Starts a cluster of ours, or connects to the one that was named. No context is assumed.
 *
 * @throws ClusterError with one sentence: no such context, nobody answers, no way to bring images there.
 */
export async function provideCluster(choice: ClusterChoice, signal: AbortSignal): Promise<TargetCluster> {
  if (choice.context !== undefined) {
    const target = namedCluster(choice, choice.context);
    await buildCluster(console.log, signal); // some images hold programs of it
    return target;
  }
  const cluster = await up({ name: choice.name, progress: console.log, signal });
  return {
    kubeconfig: cluster.kubeconfigPath,
    context: undefined,
    ingressUrl: cluster.ingressUrl,
    toolsPath: cluster.toolsPath,
    loadImage: async (archive, reference, stop) => {
      await cluster.loadImage(archive, reference, stop);
      return reference;
    },
    release: () => cluster.down(),
  };
}

function namedCluster(choice: ClusterChoice, context: string): TargetCluster {
  const kubeconfig = choice.kubeconfig ?? (process.env["KUBECONFIG"] || join(homedir(), ".kube", "config"));
  if (!existsSync(kubeconfig)) {
    throw new ClusterError(`The kubeconfig ${kubeconfig} does not exist: name one with --kubeconfig or KUBECONFIG.`);
  }
  for (const tool of ["kubectl", "helm"]) requireTool(tool, ["--help"]);
  try {
    execFileSync("kubectl", ["--kubeconfig", kubeconfig, "--context", context, "version", "--request-timeout=10s"], {
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
    });
  } catch (error) {
    const said = (error as { readonly stderr?: string }).stderr?.trim().split("\n").at(-1); // of execFileSync
    throw new ClusterError(`The cluster of context "${context}" in ${kubeconfig} does not respond: ${said}`);
  }
  return {
    kubeconfig,
    context,
    ingressUrl: choice["ingress-url"] ?? "http://localhost",
    toolsPath: "",
    loadImage: imageLoader(context, choice.registry),
    release: async () => {},
  };
}

/** Images reach a cluster of the user's through a registry, or through kind. */
function imageLoader(context: string, registry: string | undefined): TargetCluster["loadImage"] {
  if (registry !== undefined) {
    requireTool("skopeo", ["--version"]);
    return async (archive, reference, signal) => {
      const target = `${registry.replace(/\/+$/, "")}/${reference}`;
      const options = ["--quiet", "--preserve-digests"];
      await run("skopeo", ["copy", ...options, `oci-archive:${archive}`, `docker://${target}`], {
        signal,
        remedy: `Check that ${registry} can be reached and that you may push there (skopeo login).`,
      });
      return target;
    };
  }
  if (!context.startsWith("kind-")) {
    throw new ClusterError(
      `How do images reach the cluster of context "${context}"? Name a registry that it pulls from: --registry HOST/PATH.`,
    );
  }
  requireTool("kind", ["version"]);
  requireTool("skopeo", ["--version"]);
  return async (archive, reference, signal) => {
    const folder = mkdtempSync(join(tmpdir(), "amalthea-image-"));
    try {
      // kind loads archives of the docker form
      const converted = join(folder, "image.tar");
      const copy = ["copy", "--quiet", `oci-archive:${archive}`, `docker-archive:${converted}:${reference}`];
      await run("skopeo", copy, { signal });
      await run("kind", ["load", "image-archive", converted, "--name", context.replace(/^kind-/, "")], { signal });
    } finally {
      rmSync(folder, { recursive: true });
    }
    return reference;
  };
}

function requireTool(name: string, args: readonly string[]): void {
  try {
    execFileSync(name, args, { stdio: "ignore" });
  } catch {
    throw new ClusterError(`"${name}" is needed for a cluster of your own: install it and put it on the PATH.`);
  }
}
