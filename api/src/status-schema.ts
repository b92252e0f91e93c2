import {
  ACTIVITY_SIGNS,
  CULLING_REASONS,
  SERVER_STATES,
  type ChildStatus,
  type Condition,
  type ContainerStates,
  type CreationStatus,
  type FilesLost,
  type JupyterServerStatus,
  type MainPod,
} from "./jupyter-server-status.ts";
import {
  anyObject,
  boolean,
  choice,
  integer,
  list,
  object,
  required,
  string,
  withDefault,
  type Schema,
  type SchemaNode,
} from "./schema-kit.ts";

// Not validated in depth: the legacy version (0.24) stored any status, null included, and its objects must stay writable.
const nullable: Pick<SchemaNode, "nullable"> = { nullable: true };

const conditions = list(
  "Conditions of the server; docs/reference/conditions.md lists their reasons.",
  object<Condition>("A condition.", {
    type: required(string("Type of the condition.", { maxLength: 316 })),
    status: required(choice<Condition["status"]>("Whether the condition is true.", ["True", "False", "Unknown"])),
    reason: required(string("Reason in CamelCase, for programs.", { maxLength: 1024 })),
    message: required(string("The reason in a sentence, and what to do about it.", { maxLength: 32768 })),
    lastTransitionTime: required(string("When `status` of the condition last changed.", { format: "date-time" })),
    observedGeneration: integer("`metadata.generation` that the condition is based on.", { format: "int64" }),
  }),
  { keyedBy: "type" },
);

/** Schema of `status`. */
export const statusSchema: Schema<JupyterServerStatus> = {
  ...object<JupyterServerStatus>(
    "Observed state of the Jupyter server. Written by the controller.",
    {
      state: choice("Summary of the state; `Ready` and the other conditions have the details.", SERVER_STATES),
      url: string("Address of the server; absent while another server has it and this one has no other."),
      // Differs from every generation until the first reconcile, so that tools wait for it.
      observedGeneration: withDefault(
        -1,
        integer("`metadata.generation` that the status is based on.", { format: "int64" }),
      ),
      conditions,
      startingSince: string("When the server entered the state `starting`.", nullable),
      failedSince: string("When the server entered the state `failed`.", nullable),
      hibernatedSince: string("When the server entered the state `hibernated`.", nullable),
      startedAt: string("When the current run began: when the server was created or resumed.", nullable),
      neverReady: { ...boolean("True until the server is ready for the first time."), ...nullable },
      lastActivityAt: string(
        "Time of the latest activity known to the controller, which polls a server only when the idle limit may be reached.",
        nullable,
      ),
      lastActivityBy: choice(
        "What that was: something ongoing (a busy kernel, an open tab, CPU use), or the latest use of a kernel, a terminal or a page behind the login, or any other request.",
        ACTIVITY_SIGNS,
      ),
      willHibernateAt: string(
        "When the server will be hibernated because of `cullingReason`; activity postpones it.",
        nullable,
      ),
      willBeDeletedAt: string("When the server will be deleted because of `cullingReason`.", nullable),
      cullingReason: choice("The limit of `spec.culling` that will be reached first.", CULLING_REASONS),
      refreshedAt: string(
        "When the details of the status (pod, children, containers, messages) were last written. They are written together with a transition, or once they have not changed for some seconds.",
        nullable,
      ),
      containerStates: anyObject<ContainerStates>(
        "`ready`, `executing`, `waiting` or `failed` by name of the container, below `init` and `regular`.",
        nullable,
      ),
      children: anyObject<Readonly<Record<string, ChildStatus>>>(
        "By key of the patch document: `uid`, `name`, `kind`, `apiVersion` and `status` of each object the server consists of.",
        nullable,
      ),
      mainPod: anyObject<MainPod>(
        "`uid`, `name`, `kind`, `apiVersion` and `status` of the pod, and its `resourceUsage`.",
        nullable,
      ),
      toleratedViolations: list(
        "Violations of the policies for pods and Services that are tolerated because they are older than the policies, one line each. Recorded once.",
        string("A violation.", { maxLength: 256 }),
      ),
      filesLost: object<FilesLost>(
        "The last loss of files that were not on a volume; kept until the server is hibernated or its annotation `amalthea.dev/loss-seen` is set to the time `at` or later.",
        {
          at: required(string("When the controller detected it.", { format: "date-time" })),
          podUid: required(string("uid of the pod that had the files.", { maxLength: 64 })),
          cause: required(string("What happened to that pod.", { maxLength: 512 })),
        },
        nullable,
      ),
      create_fn: anyObject<CreationStatus>(
        "`fullServerURL`: the same as `url`; `createdResources`: uids by key. Kept for older clients.",
        nullable,
      ),
      events: anyObject(
        "`message` and `timestamp` of what keeps the server from running, below `statefulset`. Kept for older clients; see `conditions`.",
        nullable,
      ),
      kopf: anyObject("Written by the legacy version (0.24).", nullable),
    },
    { open: true },
  ),
  default: { children: {}, mainPod: {} },
};
