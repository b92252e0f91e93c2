import type { IncomingMessage, ServerResponse } from "node:http";
import { sessionToEnd } from "./cookies.ts";
import { loggedUser } from "./decision-log.ts";
import { mark, removals } from "./login-cookies.ts";
import { sendProblem } from "./login-problems.ts";
import { signOutPage } from "./pages.ts";
import { endSessionAddress } from "./provider-urls.ts";
import { loginPath } from "./request-path.ts";
import { sendPage, sendRedirect, type Headers } from "./responses.ts";
import { originRefusal } from "./same-origin.ts";
import type { ServerDeps } from "./server-deps.ts";
import type { KeptSession } from "./session/kept-session.ts";
import { sessionId } from "./session/ticket.ts";

/**
 * Signs out: the cookies are removed, copies of them are worthless, and the next sign-in prompts for an account.
 * A request that another site may have caused must be confirmed first.
 */
export async function signOut(request: IncomingMessage, response: ServerResponse, deps: ServerDeps): Promise<void> {
  const { config, sessions, sockets, log } = deps;
  if (request.method === "POST" && originRefusal(originFactsOf(request), config.origins) !== undefined) {
    return sendProblem(request, response, deps, "ForeignSignOut");
  }
  if (request.method !== "POST" && isForeign(request)) return sendPage(response, 200, signOutPage(config), SAME_ORIGIN);
  const cookie = sessionToEnd(request.headers.cookie ?? "", config.cookieName);
  const id = sessionId(cookie);
  if (id !== undefined) sockets.cutSession(id, "SignedOut");
  const ended = await sessions.end({ cookie });
  if (ended !== undefined) log.info("signed out", { user: loggedUser(ended.identity) });
  const cookies = [...removals(request, config), mark(config)];
  sendRedirect(response, await afterSignOut(ended, deps), { "Set-Cookie": cookies });
}

/** To our page, through the provider if its session is to end as well. */
async function afterSignOut(
  ended: KeptSession | undefined,
  { config, provider, loginSessions }: ServerDeps,
): Promise<string> {
  const signedOut = loginPath(config.basePath, "signed-out");
  const clientId = config.provider.endSessionsAs;
  const [origin] = config.origins;
  if (ended === undefined || clientId === undefined || origin === undefined) return signedOut;
  const [metadata, idToken] = await Promise.all([provider.metadata(), loginSessions.idToken(ended.cookie)]);
  const endpoint = metadata?.endSessionUrl;
  return endpoint === undefined
    ? signedOut
    : endSessionAddress(endpoint, { clientId, idToken, returnTo: `${origin}${signedOut}` });
}

/** The page that confirms a sign-out sends its origin, or its own form would be refused. */
const SAME_ORIGIN: Headers = { "Referrer-Policy": "same-origin" };

/** Browsers say with each request what caused it; those that do not, send at least its address. */
function isForeign({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const { referer } = headers;
  return referer !== undefined && URL.parse(referer)?.host !== headers["x-forwarded-host"];
}

function originFactsOf({ method = "", headers }: IncomingMessage): Parameters<typeof originRefusal>[0] {
  const site = headers["sec-fetch-site"];
  return {
    method,
    isUpgrade: false,
    host: String(headers["x-forwarded-host"] ?? headers.host ?? ""),
    origin: headers.origin,
    fetchSite: typeof site === "string" ? site : undefined,
  };
}
