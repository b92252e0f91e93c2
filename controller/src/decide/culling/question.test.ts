import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import { anObserved, aPod, aServer, type ServerOptions } from "../testing/builders.ts";
import { running } from "../testing/simulated-world.ts";
import { askableOf, type Askable } from "./question.ts";

const OTHER = { name: "others", key: "password" };

/** How a server is asked that was started by one spec and has another one since. */
function asked(started: ServerOptions, since: ServerOptions = started, secrets: readonly string[] = []): Askable {
  const { pod, ...world } = running(started);
  return ask({ ...world, pod: pod && { ...pod, status: { podIP: "10.0.0.7" } }, server: aServer(since) }, secrets);
}

function ask(observed: Observed, secrets: readonly string[] = []): Askable {
  return askableOf(observed, "/", { cpuUsageMillicoresIdleThreshold: 0, openTabsAreActivity: true }, { secrets });
}

const credential = (answer: Askable): unknown => (answer.kind === "Askable" ? answer.question.credential : answer.why);

describe("the credential of a question", () => {
  it("is the token that the pod was started with, whatever Secret the spec names since", () => {
    const own = { name: "alice", key: "jupyterServerAppToken" };
    expect(credential(asked({}))).toEqual(own);
    expect(credential(asked({}, { auth: { tokenSecretRef: OTHER } }, ["*"]))).toEqual(own);
    expect(credential(asked({ auth: { tokenSecretRef: OTHER } }, {}, ["oth*"]))).toEqual(OTHER);
  });

  it("is never read from a Secret that the administrator's policy does not allow", () => {
    expect(credential(asked({ auth: { tokenSecretRef: OTHER } }, {}, ["mine"]))).toContain("policy.secrets");
  });

  it("is none where the pod was started open", () => {
    expect(credential(asked({ auth: { token: "" } }))).toBeUndefined();
  });

  it.each([
    ["is the token of a pod of 0.24", [], { name: "alice", key: "jupyterServerAppToken" }],
    ["is none for a login of 0.24, behind which Jupyter asks for no token", [{ name: "oauth2-proxy" }], undefined],
  ])("%s", (_what, sidecars, wanted) => {
    const secretKeyRef = { name: "alice", key: "jupyterServerAppToken" };
    const env = [{ name: "SERVER_APP_TOKEN", valueFrom: { secretKeyRef } }];
    const pod = aPod({ spec: { containers: [{ name: "jupyter-server", env }, ...sidecars] } });
    const observed = anObserved({ pod: { ...pod, status: { podIP: "10.0.0.7" } } });
    expect(credential(ask(observed))).toEqual(wanted);
  });
});
