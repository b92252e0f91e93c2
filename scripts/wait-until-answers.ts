import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { get as getSecurely } from "node:https";
import { ClusterError } from "@amalthea/cluster";

/**
 * Requests a page until it is served, or redirects: Ready means that pod and Ingress exist, and the ingress
 * controller may take a moment longer to read them.
 *
 * @param ingressUrl Where the ingress controller listens. The page's host is said in the header only, because not every
 * machine resolves names below `.localhost` as browsers do.
 * @throws ClusterError after 60 s.
 */
export async function waitUntilAnswers(page: string, ingressUrl: string, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(60_000)]);
  for (;;) {
    const status = await statusOf(new URL(page), new URL(ingressUrl), deadline).catch(() => 0);
    if (status >= 200 && status < 400) return;
    if (deadline.aborted) {
      signal.throwIfAborted();
      throw new ClusterError(`The pods are ready, but ${ingressUrl} does not respond for ${new URL(page).host}.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function statusOf(page: URL, { protocol, hostname, port }: URL, signal: AbortSignal): Promise<number> {
  const options = {
    hostname,
    port,
    path: `${page.pathname}${page.search}`,
    headers: { host: page.host, accept: "text/html" },
    signal,
  };
  const request = protocol === "https:" ? getSecurely({ ...options, servername: page.hostname }) : get(options);
  const [response] = (await once(request, "response")) as [IncomingMessage]; // of the event
  response.resume();
  return response.statusCode ?? 0;
}
