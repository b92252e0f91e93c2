export {
  binaryPath,
  buildCluster,
  buildExtra,
  buildGoPrograms,
  buildVersion,
  componentCommand,
  type ExtraProgram,
  otherVersions,
  type ProgramName,
  traefikVersion,
} from "./build/build.ts";
export { spawnBound } from "./bound-process.ts";
export { type CertificateRequest, makeCertificates } from "./control-plane/certificates.ts";
export type { ChildComponent } from "./control-plane/child-component.ts";
export { type Cluster, defaultClusterName, down, exists, openCluster, up, type UpOptions } from "./node/cluster.ts";
export {
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
  type TokenUser,
} from "./control-plane/control-plane.ts";
export { ClusterError } from "./errors.ts";
export { prebuiltFolder } from "./build/prebuilt.ts";
export { cacheFolder } from "./locations.ts";
export { withLock } from "./lock.ts";
export { countTo, type Progress, step } from "./progress.ts";
export { CommandError, run, type RunOptions, type RunResult } from "./run.ts";
export { freePort } from "./control-plane/free-port.ts";
