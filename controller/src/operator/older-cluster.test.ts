import { ApiError, type KubeClient } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import { reportOlderCluster } from "./api-server.ts";

/** What is said about an API server that answers so. */
async function said(answer: readonly string[] | ApiError): Promise<readonly string[]> {
  const lines: string[] = [];
  const getText = async (): Promise<string> => {
    if (answer instanceof ApiError) throw answer;
    return JSON.stringify({ resources: answer.map((name) => ({ name })) });
  };
  const logger = { debug() {}, warn() {}, error() {}, info: (_: object, message: string) => lines.push(message) };
  await reportOlderCluster({ client: { getText } as unknown as KubeClient, logger }, new AbortController().signal);
  return lines;
}

describe("a controller that starts", () => {
  it("says once that an older Kubernetes cannot resize running pods, and what follows", async () => {
    expect(await said(["pods", "pods/status"])).toEqual([expect.stringMatching(/1\.33 and newer can.*next start/)]);
  });

  it.each([
    { cluster: "a newer one", answer: ["pods", "pods/resize"] },
    { cluster: "one that does not answer", answer: new ApiError("get /api/v1", { code: 503 }) },
  ])("says nothing about $cluster", async ({ answer }) => {
    expect(await said(answer)).toEqual([]);
  });
});
