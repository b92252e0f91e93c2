import type {
  ChildStatus,
  Condition,
  ContainerStates,
  CreationStatus,
  JupyterServerStatus,
} from "./jupyter-server-status.ts";
import type { MainPod, ServerState } from "./jupyter-server-status.ts";
import {
  anyObject,
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

// What the predecessor wrote is not looked into: it stored any status, null included, and must remain writable.
const nullable: Pick<SchemaNode, "nullable"> = { nullable: true };

const conditions: Schema<readonly Condition[]> = list(
  "What holds for the server; see the reference page of conditions.",
  object<Condition>("A condition.", {
    type: required(string("Type of the condition.", { maxLength: 316 })),
    status: required(choice<Condition["status"]>("Whether it holds.", ["True", "False", "Unknown"])),
    reason: required(string("Why, in one word.", { maxLength: 1024 })),
    message: required(string("Why, and what to do about it.", { maxLength: 32768 })),
    lastTransitionTime: required(string("When `status` of the condition last changed.", { format: "date-time" })),
    observedGeneration: integer("Generation of the spec that the condition speaks of.", { format: "int64" }),
  }),
  { keyedBy: "type" },
);

/** Schema of `status`. */
export const statusSchema: Schema<JupyterServerStatus> = {
  ...object<JupyterServerStatus>(
    "What the Jupyter server is. Written by the controller.",
    {
      state: choice<ServerState>("The state in one word.", ["starting", "running", "failed", "stopping", "hibernated"]),
      url: string("Address at which people reach the server."),
      // Differs from every generation until the controller has seen the server, so that tools wait for it.
      observedGeneration: withDefault(
        -1,
        integer("Generation of the spec that the status speaks of.", { format: "int64" }),
      ),
      conditions,
      startingSince: string("Since when the server is starting.", nullable),
      failedSince: string("Since when the server is failed.", nullable),
      hibernatedSince: string("Since when the server is hibernated.", nullable),
      refreshedAt: string(
        "When the details of the status (pod, children, containers, messages) were last written. They are written together with a transition, or once they have been quiet for some seconds.",
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
        "What the server had before the rules about pods and Services forbade it, one line each: it may keep that. Recorded once.",
        string("A violation.", { maxLength: 256 }),
      ),
      create_fn: anyObject<CreationStatus>(
        "`fullServerURL`: the same as `url`; `createdResources`: uids by key. Kept for older clients.",
        nullable,
      ),
      events: anyObject<Readonly<Record<string, unknown>>>("Left by earlier versions.", nullable),
      kopf: anyObject<Readonly<Record<string, unknown>>>("Left by earlier versions.", nullable),
    },
    { open: true },
  ),
  default: { children: {}, mainPod: {} },
};
