import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { binaryPath, buildExtra } from "@amalthea/cluster";
import type { JupyterServer } from "@amalthea/api";
import { beforeAll, describe, expect, it } from "vitest";
import { decide } from "../../../controller/src/decide/decide.ts";
import type { Observed } from "../../../controller/src/decide/live/observed.ts";
import {
  aContainer,
  ago,
  anEvent,
  anObserved,
  aPod,
  aReadyPod,
  aServer,
  NOW,
  someSettings,
  type ServerOptions,
} from "../../../controller/src/decide/testing/builders.ts";
import { running } from "../../../controller/src/decide/testing/simulated-world.ts";

const HEALTH = fileURLToPath(new URL("../../../deploy/argocd/health.lua", import.meta.url));

type Verdict = { readonly kstatus: string; readonly argocd: { readonly status: string; readonly message: string } };

/** What the tools' own libraries make of a server. */
function verdictOn(server: object): Verdict | undefined {
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: [server] });
  return (JSON.parse(execFileSync(binaryPath("gitops"), [HEALTH], { input, encoding: "utf8" })) as Verdict[])[0];
}

/** The server with the status that the controller gives it. */
function told(observed: Observed): JupyterServer {
  return { ...observed.server, status: decide(observed, someSettings(), NOW).status };
}

function server(options: ServerOptions = {}): Observed["server"] {
  return aServer({ ...options, metadata: { generation: 3, ...options.metadata } });
}

const asleep = { jupyterServer: { hibernated: true } };
const broken = aContainer({ state: { waiting: { reason: "ImagePullBackOff", message: "not found" } } });
const quota = anEvent(
  "StatefulSet",
  "FailedCreate",
  'create Pod alice-0 failed error: pods "alice-0" is forbidden: exceeded quota: q',
  ago(5),
);

beforeAll(async () => {
  await buildExtra("gitops");
}, 600_000);

describe("a server that", () => {
  it.each<{ server: string; observed: Observed; kstatus: string; argocd: string }>([
    { server: "runs", observed: { ...running(), server: server() }, kstatus: "Current", argocd: "Healthy" },
    {
      server: "is hibernated",
      observed: anObserved({ server: server(asleep) }),
      kstatus: "Current",
      argocd: "Healthy",
    },
    {
      server: "is being hibernated",
      observed: anObserved({ server: server(asleep), pod: aReadyPod() }),
      kstatus: "InProgress",
      argocd: "Progressing",
    },
    {
      server: "has no pod yet",
      observed: anObserved({ server: server() }),
      kstatus: "InProgress",
      argocd: "Progressing",
    },
    {
      server: "is starting",
      observed: anObserved({ server: server(), pod: aPod({ containers: [aContainer()] }) }),
      kstatus: "InProgress",
      argocd: "Progressing",
    },
    {
      server: "has an image that does not exist",
      observed: anObserved({ server: server(), pod: aPod({ containers: [broken] }) }),
      kstatus: "Failed",
      argocd: "Degraded",
    },
    {
      server: "may not have a pod by its quota",
      observed: anObserved({ server: server({ status: { state: "starting" } }), events: [quota] }),
      kstatus: "Failed",
      argocd: "Degraded",
    },
    {
      server: "has a patch that fails",
      observed: anObserved({ server: server({ patches: [{ type: "application/json-patch+json", patch: "x" }] }) }),
      kstatus: "Failed",
      argocd: "Degraded",
    },
    {
      server: "is being deleted",
      observed: { ...running(), server: server({ metadata: { deletionTimestamp: NOW.toISOString() } }) },
      kstatus: "Terminating",
      argocd: "Progressing",
    },
  ])("$server is $kstatus for kstatus and $argocd for Argo CD", ({ observed, kstatus, argocd }) => {
    const complete = told(observed);
    expect([verdictOn(complete)?.kstatus, verdictOn(complete)?.argocd.status]).toEqual([kstatus, argocd]);
    expect(verdictOn(complete)?.argocd.message).not.toBe("");
  });

  it("was changed, or is new to the controller, is not taken for finished by its old status", () => {
    const { status, ...fresh } = told({ ...running(), server: server() });
    const changed = { ...fresh, metadata: { ...fresh.metadata, generation: 4 }, status };
    const unseen = { ...fresh, status: { observedGeneration: -1 } }; // as the CRD fills it in
    for (const object of [changed, unseen]) {
      expect(verdictOn(object)).toMatchObject({ kstatus: "InProgress", argocd: { status: "Progressing" } });
    }
  });
});
