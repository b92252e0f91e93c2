import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createProvider } from "./provider.ts";
import { readSettings } from "./settings.ts";
import { signInPage } from "./sign-in-page.ts";

/** A real OpenID Connect provider with demo users, for trying out and testing servers with a login. Never for production. */
const settings = readSettings(process.env);
const provider = createProvider(settings);
const answer = provider.callback();
const MAX_FORM_BYTES = 4096;

async function signIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const userIds = Object.keys(settings.users);
  await provider.interactionDetails(request, response); // throws unless the provider has sent this browser here
  if (request.method !== "POST") return show(response, signInPage(userIds));
  const form = new URLSearchParams(await bodyOf(request));
  const user = form.get("user") ?? "";
  const password = settings.users[user]?.password;
  if (password === undefined || !isEqual(form.get("password") ?? "", password)) {
    return show(response, signInPage(userIds, "User or password is wrong."));
  }
  await provider.interactionFinished(request, response, { login: { accountId: user } });
}

function show(response: ServerResponse, page: string): void {
  response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }).end(page);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_FORM_BYTES) throw new Error("the form is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function isEqual(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const listener = (request: IncomingMessage, response: ServerResponse): void => {
  const answered = request.url?.startsWith("/interaction/") ? signIn(request, response) : answer(request, response);
  answered.catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    if (!response.headersSent) response.writeHead(400, { "content-type": "text/plain" });
    response.end("This login cannot go on: open the page that you wanted again.\n");
  });
};
const server = settings.tls === undefined ? createServer(listener) : createTlsServer(settings.tls, listener);
server.listen(settings.port);
process.once("SIGTERM", () => process.exit(0));
