/**
 * Status of a `JupyterServer`; every field is missing until the controller has seen the server. `status-schema.ts`
 * describes the fields. Times are ISO 8601.
 */
export type JupyterServerStatus = {
  readonly state?: ServerState;
  /** Public address, without a trailing slash. */
  readonly url?: string;
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  /** Set while the state is `starting`, the next two while it is `failed` and `hibernated`. */
  readonly startingSince?: string;
  readonly failedSince?: string;
  readonly hibernatedSince?: string;
  /** Absent while the server is hibernated. */
  readonly startedAt?: string;
  /** Absent once the server was ready, and if unknown (0.24). */
  readonly neverReady?: boolean;
  readonly lastActivityAt?: string;
  /** Absent if unknown. */
  readonly lastActivityBy?: ActivitySign;
  readonly willHibernateAt?: string;
  readonly willBeDeletedAt?: string;
  readonly cullingReason?: CullingReason;
  readonly refreshedAt?: string;
  readonly containerStates?: ContainerStates;
  readonly children?: Readonly<Record<string, ChildStatus>>;
  readonly mainPod?: MainPod;
  /** Absent until the controller has recorded them. */
  readonly toleratedViolations?: readonly string[];
  readonly filesLost?: FilesLost;
  /** The name is that of the legacy version (0.24). */
  readonly create_fn?: CreationStatus;
  readonly events?: Readonly<Record<string, unknown>>;
  /** The controller removes it. */
  readonly kopf?: Readonly<Record<string, unknown>>;
};

export type FilesLost = {
  readonly at: string;
  readonly podUid: string;
  /** The second half of a sentence. */
  readonly cause: string;
};

export const SERVER_STATES = ["starting", "running", "failed", "stopping", "hibernated"] as const;

export type ServerState = (typeof SERVER_STATES)[number];

/** What shows that somebody, or a program of theirs, uses a server: something that lasts, or the latest that happened. */
export const ACTIVITY_SIGNS = [
  "KernelBusy",
  "TabOpen",
  "CpuUsed",
  "KernelUsed",
  "TerminalUsed",
  "PageUsed",
  "RequestServed",
] as const;

export type ActivitySign = (typeof ACTIVITY_SIGNS)[number];

/** Limits after which a server is hibernated or deleted, by what they limit. */
export const CULLING_REASONS = ["Idle", "MaximumAge", "Starting", "Failed", "Hibernated"] as const;

export type CullingReason = (typeof CULLING_REASONS)[number];

export type Condition = {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
};

/** By container name. */
export type ContainerStates = {
  readonly init: Readonly<Record<string, ContainerState>>;
  readonly regular: Readonly<Record<string, ContainerState>>;
};

export type ContainerState = "ready" | "executing" | "waiting" | "failed";

export type ChildStatus = {
  readonly uid: string;
  readonly name: string;
  readonly kind: string;
  readonly apiVersion: string;
  readonly status?: Readonly<Record<string, unknown>> | null;
};

/** Empty while there is no pod. */
export type MainPod = Partial<ChildStatus> & {
  readonly resourceUsage?: ResourceUsage;
};

export type ResourceUsage = {
  readonly cpuMillicores?: number;
  readonly memoryBytes?: number;
  readonly disk?: DiskUsage;
};

export type DiskUsage = {
  readonly usedBytes?: number;
  readonly availableBytes?: number;
  readonly totalBytes?: number;
};

export type CreationStatus = {
  readonly fullServerURL?: string;
  /** uid by child key. */
  readonly createdResources?: Readonly<Record<string, string>>;
};
