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
  const reason = answer.kind === "Unreachable" ? answer.problem : `oauth2-proxy answered ${answer.status}`;
  log.warn("login service failed", { reason });
  const retry = { "Retry-After": "5" };
  if (wantsPage(headers.accept)) return sendPage(response, 503, errorPage(503, config), retry);
  const message = "The login of this server is not answering.";
  sendJson(response, 503, { error: "LoginServiceUnavailable", message }, retry);
}

/** What a provider may say instead of sending a code (RFC 6749, 4.1.2.1, and OpenID Connect Core, 3.1.2.6). */
export function problemOf(error: string): SignInProblem {
  switch (error) {
    case "invalid_scope":
      return "UnknownScope";
    case "access_denied":
    case "consent_required":
      return "Denied";
    case "login_required":
    case "interaction_required":
    case "account_selection_required":
      return "Stale";
    case "server_error":
    case "temporarily_unavailable":
      return "ProviderUnavailable";
    case "unauthorized_client":
    case "invalid_request":
    case "unsupported_response_type":
      return "ClientRefused";
    default:
      return "Failed";
  }
}

/**
 * Why oauth2-proxy did not accept what the provider said. Its page has the error itself, for a client that the provider
 * refuses the one of RFC 6749, 5.2: `invalid_client`, with Keycloak `unauthorized_client`.
 */
export function problemOfAnswer(status: number, body: string): SignInProblem {
  if (status === 403) return /CSRF|named cookie not present/.test(body) ? "Stale" : "NotAccepted";
  if (/\b(invalid_client|unauthorized_client)\b/.test(body)) return "SecretRefused";
  return /: dial tcp|cannot fetch token: 5\d\d|deadline exceeded/.test(body) ? "ProviderUnavailable" : "Failed";
}
