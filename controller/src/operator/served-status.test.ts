import { ApiError, type KubeClient } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import { describe, expect, it } from "vitest";
import { untilStatusIsServed } from "./api-server.ts";

/** Waits against an API server that serves these resources, one list after the other. */
async function wait(...answers: readonly (readonly string[] | ApiError)[]): Promise<readonly string[]> {
  const said: string[] = [];
  let asked = 0;
  const getText = async (): Promise<string> => {
    const answer = answers[asked++] ?? [];
    if (answer instanceof ApiError) throw answer;
    return JSON.stringify({ resources: answer.map((name) => ({ name })) });
  };
  const client = { getText } as unknown as KubeClient;
  const logger = { debug() {}, info() {}, warn() {}, error: (_: object, message: string) => said.push(message) };
  const instant = Object.assign(new FakeClock(), { sleep: async () => {} });
  await untilStatusIsServed({ client, clock: instant, logger }, new AbortController().signal);
  expect(asked).toBe(answers.length);
  return said;
}

describe("a controller that starts", () => {
  it("waits while the CRD is that of 0.24, and says what to do", async () => {
    const said = await wait(["jupyterservers"], ["jupyterservers"], ["jupyterservers", "jupyterservers/status"]);
    expect(said).toHaveLength(2);
    expect(said[0]).toMatch(/has no status subresource: upgrade the release with deployCrd=true/);
  });

  it.each([
    { crd: "ours", answer: ["jupyterservers", "jupyterservers/status"] },
    { crd: "no", answer: new ApiError("get /apis/amalthea.dev/v1alpha1", { code: 404, reason: "NotFound" }) },
  ])("goes on with $crd CRD", async ({ answer }) => {
    expect(await wait(answer)).toEqual([]);
  });
});
