/** Status of a `JupyterServer`; every field is missing until the controller has seen the server. */
export type JupyterServerStatus = {
  readonly state?: ServerState;
  /** Address people use, without a slash at its end. */
  readonly url?: string;
  /** `metadata.generation` of the spec that the status describes. */
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  /** ISO 8601; while the state is `starting`. */
  readonly startingSince?: string;
  /** ISO 8601; while the state is `failed`. */
  readonly failedSince?: string;
  /** ISO 8601; while the state is `hibernated`. */
  readonly hibernatedSince?: string;
  /** ISO 8601; when the present run began: the server was created or resumed. Absent while it is hibernated. */
  readonly startedAt?: string;
  /** True until the server is ready for the first time; absent afterwards, and where it is not known (0.24). */
  readonly neverReady?: boolean;
  /** ISO 8601; the latest activity that the controller knows of. It asks only when a limit may be reached. */
  readonly lastActivityAt?: string;
  /** What that was; absent where nobody said. */
  readonly lastActivityBy?: ActivitySign;
  /** ISO 8601; at the earliest: activity postpones it. */
  readonly willHibernateAt?: string;
  /** ISO 8601. */
  readonly willBeDeletedAt?: string;
  /** The limit that one of the two follows from. */
  readonly cullingReason?: CullingReason;
  /** ISO 8601; when the controller last wrote the fields below and the messages of conditions. */
  readonly refreshedAt?: string;
  readonly containerStates?: ContainerStates;
  /** By key in the patch document. */
  readonly children?: Readonly<Record<string, ChildStatus>>;
  readonly mainPod?: MainPod;
  /** Policy violations older than the policy, which are tolerated; absent until the controller has recorded them. */
  readonly toleratedViolations?: readonly string[];
  /** The last loss of files that nobody has acknowledged. */
  readonly filesLost?: FilesLost;
  /** The name is that of the legacy version (0.24). */
  readonly create_fn?: CreationStatus;
  /** What keeps the server from running, where clients of 0.24 read it: by child, `message` and `timestamp`. */
  readonly events?: Readonly<Record<string, unknown>>;
  /** Written by the legacy version (0.24); the controller removes it. */
  readonly kopf?: Readonly<Record<string, unknown>>;
};

export type FilesLost = {
  /** ISO 8601, seconds: when the controller saw it. */
  readonly at: string;
  /** uid of the pod that the files were in. */
  readonly podUid: string;
  /** What happened to that pod, as the second half of a sentence. */
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
  /** ISO 8601, seconds: when `status` last changed. */
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
