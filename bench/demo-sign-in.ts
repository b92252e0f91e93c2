import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { type Send, signIn } from "../test/integration/authorization/sign-in.ts";

/** Whom the provider knows. */
export const USER = "alice";
export const PASSWORD = "alice";

type Options = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** One request without following redirects; names under `.localhost` are this machine, as browsers have it. */
export async function askIngress(url: string, { method = "GET", headers = {}, body }: Options = {}): Promise<Response> {
  const { host, port, pathname, search } = new URL(url);
  const path = `${pathname}${search}`;
  const sent = request({ host: "localhost", port, path, method, headers: { host, ...headers }, timeout: 20_000 });
  sent.on("timeout", () => sent.destroy(new Error(`${url} does not answer`)));
  sent.end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage]; // of the event
  const { statusCode: status = 0, rawHeaders } = answer;
  const pairs = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ""] as [string, string]] : [],
  );
  const isEmpty = [204, 304].includes(status); // such a Response must have no body
  return new Response(isEmpty ? null : await buffer(answer), { status, headers: pairs });
}

/** Opens a page as somebody whom its server does not know yet, signs in, and returns the `Cookie` header for it. */
export async function signInAtDemo(pageUrl: string): Promise<string> {
  const { status, url, cookie } = await signIn(pageUrl, USER, sendFilled);
  if (status !== 200 || url !== pageUrl) throw new Error(`the login ends at ${url} with ${status}`);
  return cookie;
}

/** Where the demo provider asks for user and password, its form is sent at once. */
const sendFilled: Send = (url, headers) => {
  if (!new URL(url).pathname.startsWith("/interaction/")) return askIngress(url, { headers });
  const body = new URLSearchParams({ user: USER, password: PASSWORD }).toString();
  return askIngress(url, { method: "POST", headers, body });
};
