import { CONTAINERS, isPathWithin, VOLUMES, type JupyterServer } from "@amalthea/api";
import { isObject, itemNamed, listOf, valueAt } from "../values/json.ts";
import { liveStatefulSet, podSpecOf } from "./child.ts";
import type { Observed } from "./observed.ts";
import { JUPYTER_ENV } from "./pod-names.ts";

/** Where a server has its files. */
export type Files = {
  /** Whether its workspace is on a volume, which outlives the pod. */
  readonly isOnVolume: boolean;
  readonly rootDir: string;
  /** Where a volume is mounted. */
  readonly mountPath: string;
};

/** What goes with the pod; undefined where all files are on a volume. */
export function whatIsLost({ isOnVolume, rootDir, mountPath }: Files): string | undefined {
  if (!isOnVolume) return "All files of the server";
  return isPathWithin(rootDir, mountPath) ? undefined : `The files in ${rootDir}`;
}

/** Where a pod that starts now has its files. */
export function filesBySpec({ spec }: JupyterServer): Files {
  const { enabled, existingClaim, mountPath } = spec.storage.pvc;
  return { isOnVolume: enabled || existingClaim !== undefined, rootDir: spec.jupyterServer.rootDir, mountPath };
}

/** Where the pod has its files, or the one that the StatefulSet starts: the spec may have changed since. */
export function filesNow(observed: Observed): Files {
  const bySpec = filesBySpec(observed.server);
  const pod = observed.pod?.spec ?? podSpecOf(liveStatefulSet(observed));
  const jupyter = itemNamed(valueAt(pod, "containers"), CONTAINERS.jupyter);
  const workspace = itemNamed(valueAt(pod, "volumes"), VOLUMES.workspace);
  if (jupyter === undefined || workspace === undefined) return bySpec;
  const rootDir = rootDirOf(jupyter) ?? bySpec.rootDir;
  const mounts = keptMounts(jupyter, valueAt(pod, "volumes"));
  const mountPath = mounts.find((path) => isPathWithin(rootDir, path)) ?? mounts[0] ?? bySpec.mountPath;
  return { isOnVolume: isClaim(workspace), rootDir, mountPath };
}

/** 0.24 started Jupyter in it. */
function rootDirOf(jupyter: unknown): string | undefined {
  const given = valueAt(itemNamed(valueAt(jupyter, "env"), JUPYTER_ENV.rootDir), "value");
  if (typeof given === "string") return given.replaceAll("$$", () => "$"); // as the kubelet reads it
  const directory = valueAt(jupyter, "workingDir");
  return typeof directory === "string" ? directory : undefined;
}

function keptMounts(container: unknown, volumes: unknown): readonly string[] {
  return listOf(valueAt(container, "volumeMounts")).flatMap((mount) => {
    const [name, path] = [valueAt(mount, "name"), valueAt(mount, "mountPath")];
    return typeof path === "string" && isClaim(itemNamed(volumes, name)) ? [path] : [];
  });
}

function isClaim(volume: unknown): boolean {
  return isObject(valueAt(volume, "persistentVolumeClaim"));
}
