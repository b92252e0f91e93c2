import { spawn } from "node:child_process";
import { once } from "node:events";
import { cluster } from "./cluster.ts";

/** A port of this machine that leads into a pod. */
export type PortForward = { readonly port: number; readonly close: () => Promise<void> };

/** `kubectl port-forward`, to a port that kubectl chooses. @throws Error when kubectl ends at once. */
export async function forwardPort(pod: string, namespace: string, port: number): Promise<PortForward> {
  const context = cluster.context === undefined ? [] : ["--context", cluster.context];
  const access = ["--kubeconfig", cluster.kubeconfig, ...context, "--namespace", namespace];
  const child = spawn("kubectl", [...access, "port-forward", `pod/${pod}`, `:${port}`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const found = /127\.0\.0\.1:(\d+) ->/.exec(text);
    if (found !== null) resolve(Number(found[1]));
  });
  child.stderr.resume(); // it complains about each connection that the other side resets
  void ended.then(() => reject(new Error(`kubectl port-forward to ${pod} has ended`)));
  const close = async (): Promise<void> => {
    child.kill();
    await ended;
  };
  return { port: await promise, close };
}
