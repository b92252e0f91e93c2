import type { IncomingMessage, ServerResponse } from "node:http";
import type { LoginAnswer } from "./login-client.ts";
import { errorPage, problemPage, type SignInProblem } from "./pages.ts";
import { wantsPage } from "./request-facts.ts";
import { sendJson, sendPage } from "./responses.ts";
import type { ServerDeps } from "./server-deps.ts";

export function sendProblem(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { config, log }: ServerDeps,
  problem: SignInProblem,
): void {
  const { status, page, sentence } = problemPage(problem, config);
  if (status !== 401 && status !== 404) log.info("sign-in failed", { reason: problem });
  if (wantsPage(headers.accept)) sendPage(response, status, page);
  else sendJson(response, status, { error: problem, message: sentence });
}

export function sendUnanswered(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { config, log }: ServerDeps,
  answer: LoginAnswer,
): void {
  const reason = answer.kind === "Unreachable" ? answer.problem : `oauth2-proxy responded with ${answer.status}`;
  log.warn("login service failed", { reason });
  const retry = { "Retry-After": "5" };
  if (wantsPage(headers.accept)) return sendPage(response, 503, errorPage(503, config), retry);
  const message = "The login of this server is not answering.";
  sendJson(response, 503, { error: "LoginServiceUnavailable", message }, retry);
}

/** What a provider may say instead of sending a code (RFC 6749, 4.1.2.1, and OpenID Connect Core, 3.1.2.6). */
const PROBLEMS: ReadonlyMap<string, SignInProblem> = new Map([
  ["invalid_scope", "UnknownScope"],
  ["access_denied", "Denied"],
  ["consent_required", "Denied"],
  ["login_required", "Stale"],
  ["interaction_required", "Stale"],
  ["account_selection_required", "Stale"],
  ["server_error", "ProviderUnavailable"],
  ["temporarily_unavailable", "ProviderUnavailable"],
  ["unauthorized_client", "ClientRefused"],
  ["invalid_request", "ClientRefused"],
  ["unsupported_response_type", "ClientRefused"],
]);

/** With it Keycloak returns a user who is signed in there, but not by the page that was open for too long. */
const EXPIRED_PAGE = "authentication_expired";

/** What users see when a provider returns this `error` and `error_description`. */
export function problemOf(error: string, description: string | null): SignInProblem {
  if (description === EXPIRED_PAGE) return "Stale";
  return PROBLEMS.get(error) ?? "ProviderError";
}

/**
 * How Go's HTTP client reports a provider that cannot be reached, and oauth2-proxy one that responds with such a
 * status.
 */
const UNAVAILABLE =
  /: (dial|read|write) tcp|: (unexpected )?EOF|TLS handshake timeout|deadline exceeded|(cannot fetch token|get keys failed): (429|5\d\d)|\b(server_error|temporarily_unavailable)\b/;

/**
 * Why oauth2-proxy did not accept what the provider said. Its page has the error itself, for a client that the provider
 * refuses the one of RFC 6749, 5.2: `invalid_client`, with Keycloak `unauthorized_client`.
 */
export function problemOfAnswer(status: number, body: string): SignInProblem {
  const message = messageIn(body);
  if (status === 403) return message.startsWith("CSRF ") ? "Stale" : "NotAccepted";
  if (/\b(invalid_client|unauthorized_client)\b/.test(message)) return "SecretRefused";
  return UNAVAILABLE.test(message) ? "ProviderUnavailable" : "Failed";
}

/** The error in a page of oauth2-proxy. The rest of the page has text from the request, such as `rd`. */
function messageIn(page: string): string {
  return /<div class="content">(.*?)<\/div>/s.exec(page)?.[1]?.trim() ?? "";
}
