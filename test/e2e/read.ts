import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { spawnBound } from "@amalthea/cluster";
import { type Kind, kinds } from "@amalthea/kube";
import { SERVER_KIND } from "../../controller/src/kinds.ts";

/**
 * Reads an object by one `kubectl proxy` for each test file: tests ask again and again, and a kubectl for each answer costs a tenth of
 * a second of processor time.
 *
 * @param kubectlFlags Flags that name the cluster.
 * @param kind As kubectl takes it: `pod`, `jupyterserver`.
 * @returns undefined if it is not there.
 */
export async function readObject(
  kubectlFlags: readonly string[],
  kind: string,
  name: string,
  namespace: string,
): Promise<unknown> {
  proxySocket ??= startProxy(kubectlFlags);
  const path = pathOf(kindNamed(kind), name, namespace);
  const { status, body } = await getFrom(await proxySocket, path);
  if (status === 404) return undefined;
  if (status !== 200) throw new Error(`reading ${path} failed: ${status} ${body}`);
  return JSON.parse(body);
}

let proxySocket: Promise<string> | undefined;

/** Starts the proxy, which ends with this process. @returns Its socket, which nobody else may open. */
async function startProxy(kubectlFlags: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "amalthea-proxy-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, "socket");
  const proxy = spawnBound(["kubectl", ...kubectlFlags, "proxy", `--unix-socket=${socket}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  proxy.once("error", () => undefined); // its output ends, too
  const output = proxy.stdout as Socket; // the types say Readable; a pipe of Node is a Socket
  for await (const line of createInterface(output)) {
    if (!line.startsWith("Starting to serve")) continue;
    proxy.unref();
    output.unref();
    proxy.once("exit", forgetProxy);
    return socket;
  }
  forgetProxy();
  throw new Error("kubectl proxy has ended");
}

/** The next read starts another one. */
function forgetProxy(): void {
  proxySocket = undefined;
}

function kindNamed(name: string): Kind {
  const found = [SERVER_KIND, ...Object.values(kinds)].find(({ kind }) => kind.toLowerCase() === name);
  if (found === undefined) throw new Error(`no kind "${name}"`);
  return found;
}

function pathOf({ apiVersion, plural }: Kind, name: string, namespace: string): string {
  return `/${apiVersion === "v1" ? "api" : "apis"}/${apiVersion}/namespaces/${namespace}/${plural}/${name}`;
}

async function getFrom(
  socketPath: string,
  path: string,
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  return await new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, headers: { host: "localhost" }, timeout: 60_000 }, (answer) => {
      text(answer).then((body) => resolve({ status: answer.statusCode, body }), reject);
    });
    sent.on("timeout", () => sent.destroy(new Error(`${path} was not read within 60 s`)));
    sent.on("error", reject).end();
  });
}
