import { request, type IncomingMessage } from "node:http";
import { isIP } from "node:net";
import {
  prefixOf,
  readActivityReport,
  readKernels,
  readRequests,
  readTerminals,
  type ActivityReport,
} from "@amalthea/api";
import type { ActivityAnswer } from "../decide/live/activity.ts";
import type { ActivityQuestion } from "../decide/culling/activity-question.ts";

/** For everything that is asked of one pod. */
const TIMEOUT_MS = 5_000;

/** A hundred kernels take 30 kB. */
const MAX_BYTES = 1_000_000;

/** Path at which the authorization service responds. */
const REPORT_PATH = "/activity";

/** A pod did not respond, or not as expected; the message is for people. */
class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

/**
 * Polls a pod for its activity. Whatever it does, this ends within seconds, keeps a bounded part of the response, and
 * goes nowhere else: a redirect is an invalid response like any other.
 *
 * @param credential Sent in a header; undefined if none is required.
 */
export async function pollPod(
  question: Omit<ActivityQuestion, "credential" | "podUid" | "withCpu">,
  credential: string | undefined,
  signal: AbortSignal,
): Promise<ActivityAnswer> {
  const pod = { ...question, credential, signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) };
  if (isIP(question.address) === 0) return { kind: "Failed", why: "its pod has no address" };
  try {
    const report =
      question.whom === "Report" ? understood(await get(pod, REPORT_PATH), readActivityReport) : await askJupyter(pod);
    return { kind: "Answered", report };
  } catch (error) {
    // Other messages name the address, and what a pod says is not to be quoted.
    return { kind: "Failed", why: error instanceof NoAnswerError ? error.message : "it does not respond" };
  }
}

type Asked = Pick<ActivityQuestion, "address" | "port" | "whom" | "basePath" | "withRequests"> & {
  readonly credential: string | undefined;
  readonly signal: AbortSignal;
};

async function askJupyter(pod: Asked): Promise<ActivityReport> {
  const requests = pod.withRequests ? ifThere(await askApi(pod, "status"), readRequests) : undefined;
  const kernels = understood(await askApi(pod, "kernels"), readKernels);
  const terminals = ifThere(await askApi(pod, "terminals"), (body, atMs) => readTerminals(body, atMs, requests));
  return { kernels, terminals: terminals ?? { total: 0 }, ...(requests === undefined ? {} : { requests }) };
}

/** Images may come without terminals, or without `api/status`. @throws NoAnswerError */
function ifThere<T>(answer: Answer, read: (body: unknown, atMs: number) => T | undefined): T | undefined {
  return answer.status === 404 ? undefined : understood(answer, read);
}

/** In a way that Jupyter does not count as activity. */
async function askApi(pod: Asked, path: string): Promise<Answer> {
  return await get(pod, `${prefixOf(pod.basePath)}/api/${path}?no_track_activity=1`);
}

/** @throws NoAnswerError */
function understood<T>({ status, body, atMs }: Answer, read: (body: unknown, atMs: number) => T | undefined): T {
  const value = status === 200 ? read(body, atMs) : undefined;
  if (value !== undefined) return value;
  throw new NoAnswerError(status === 200 ? "its response cannot be parsed" : `it responds with HTTP status ${status}`);
}

type Answer = {
  readonly status: number;
  /** Parsed JSON; undefined for what is none. */
  readonly body: unknown;
  /** The time at the pod's node, to the second; ours if it does not say. */
  readonly atMs: number;
};

async function get({ address: host, port, whom, credential, signal }: Asked, path: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const scheme = whom === "Report" ? "Bearer" : "token";
  const headers = credential === undefined ? {} : { authorization: `${scheme} ${credential}` };
  const asked = request({ host, port, path, headers, agent: false, signal }, resolve);
  asked.on("error", reject);
  asked.end();
  const response = await promise;
  const text = await textOf(response);
  const date = Date.parse(response.headers.date ?? "");
  return { status: response.statusCode ?? 0, body: parsed(text), atMs: Number.isNaN(date) ? Date.now() : date };
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop closes the connection.
    if (bytes > MAX_BYTES) throw new NoAnswerError("its response is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
