export { binaryPath, buildCluster, buildExtra, type ExtraProgram, type ProgramName } from "./build.ts";
export type { ChildComponent } from "./child-component.ts";
export { type Cluster, defaultClusterName, down, exists, openCluster, up, type UpOptions } from "./cluster.ts";
export { type ControlPlane, type ControlPlaneOptions, startControlPlane, type TokenUser } from "./control-plane.ts";
export { ClusterError } from "./errors.ts";
export { cacheFolder } from "./locations.ts";
export { withLock } from "./lock.ts";
export { type Progress, step } from "./progress.ts";
export { CommandError, run, type RunOptions, type RunResult } from "./run.ts";
