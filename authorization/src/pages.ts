import { createHash } from "node:crypto";
import { prefixOf } from "@amalthea/api";
import type { RefusalReason } from "./access.ts";
import type { AuthorizationConfig } from "./config.ts";
import type { Identity } from "./identity.ts";
import { loginPath } from "./request-path.ts";

/** What every page needs to know of the server. */
export type PageContext = { readonly serverName: string; readonly basePath: string };

const STYLE = `
:root { color-scheme: light dark }
body { font: 1.125rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 12vh auto 0; padding: 0 1.5rem }
h1 { font-size: 1.75rem; line-height: 1.25 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem }
dt { font-weight: 600 }
dd { margin: 0; overflow-wrap: anywhere }
`;

/**
 * Headers of every page: no script, nothing loaded, nothing kept. Framing is not forbidden, because portals show
 * servers in frames, and the only thing to click here is a sign-in, a sign-out or a retry.
 */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'self'`,
  "Cache-Control": "no-store",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  Vary: "Accept",
};

/** One sentence for each refusal, for people and for API clients. It names no other user and no other server. */
export const REFUSAL_SENTENCES: Readonly<Record<RefusalReason, string>> = {
  Malformed: "The request is not one this server understands.",
  OutsideBasePath: "There is nothing at this address.",
  HostNotAllowed: "This server is not reached at this address.",
  CrossSite: "The request was caused by another site.",
  OriginNotAllowed: "The request was caused by another site.",
  TooManyCookies:
    "Your browser sends more cookies than this server can take. Delete the cookies of this address in the settings of your browser, and open it again.",
  NotSignedIn:
    "You are not signed in, or your session is over. Open this server in another tab to sign in, then go on here: nothing is lost.",
  TokenNotAccepted:
    "The token in the header Authorization is not one that the login provider of this server has signed for it.",
  TokenExpired: "The token in the header Authorization has expired. Get a new one from the login provider.",
  TokenForAnotherAudience:
    "The token in the header Authorization is for another audience (claim aud) than those in auth.oidc.bearer.audiences of this server.",
  LoginServiceUnavailable: "The login service of this server is not answering. Try again in a moment.",
  PolicyBroken: "The list of people who may use this server cannot be read at the moment, so nobody is let in.",
  NobodyAuthorized: "Your account is not among those that may use this server.",
  UserIdNotAuthorized: "Your account is not among those that may use this server.",
  EmailNotAuthorized: "Your account is not among those that may use this server.",
  EmailNotVerified: "The login provider does not say that your e-mail address is verified, so it does not count here.",
  GroupNotAuthorized: "Your account is not in a group that may use this server.",
};

/** A refusal for programs, and for the scripts of an open page, which show its message. */
export function refusalBody(
  reason: RefusalReason,
  { basePath, origins }: Pick<AuthorizationConfig, "basePath" | "origins">,
): Readonly<Record<string, string>> {
  const refusal = { error: reason, message: REFUSAL_SENTENCES[reason] };
  return reason === "NotSignedIn" ? { ...refusal, signIn: `${origins[0] ?? ""}${prefixOf(basePath)}/` } : refusal;
}

/** The page of a refused request: why, who is signed in, which server this is, and what to do. */
export function refusalPage(reason: RefusalReason, identity: Identity | undefined, context: PageContext): string {
  const facts = [fact("Server", context.serverName)];
  if (identity !== undefined) facts.push(fact("Signed in as", nameOf(identity)));
  const title = reason === "NotSignedIn" ? "Sign in to use this server" : titleOf(reason);
  return page(title, context, [
    `<p>${escapeHtml(REFUSAL_SENTENCES[reason])}</p>`,
    `<dl>${facts.join("")}</dl>`,
    ...wayOut(reason, identity, context),
  ]);
}

/** The page for a server or login service that does not answer. */
export function errorPage(status: number, context: PageContext): string {
  return page("This server is not answering", context, [
    "<p>The server, or the login in front of it, is not answering at the moment. It may be starting or restarting.</p>",
    `<dl>${fact("Server", context.serverName)}${fact("Status", String(status))}</dl>`,
    '<p><a href="">Try again</a></p>',
    "<p>If this goes on for minutes, tell the people who run this service.</p>",
  ]);
}

/** Why somebody did not get on at a page of the login. */
export type SignInProblem =
  | "Stale"
  | "Denied"
  | "UnknownScope"
  | "ClientRefused"
  | "SecretRefused"
  | "ProviderUnavailable"
  | "ProviderError"
  | "NotAccepted"
  | "Failed"
  | "NotSignedIn"
  | "ForeignSignOut"
  | "NotFound";

type Explanation = {
  readonly status: number;
  readonly title: string;
  readonly sentence: string;
  /** For the owner of the server. */
  readonly remedy?: string;
};

const NOT_WORKING = "The sign-in did not work";

const EXPLANATIONS: Readonly<Record<SignInProblem, Explanation>> = {
  Stale: {
    status: 403,
    title: "The sign-in has to begin again",
    sentence: "It was begun in another browser, took too long, or was finished before.",
  },
  Denied: {
    status: 403,
    title: "You were not signed in",
    sentence: "The login provider did not let you in, or you did not agree to it.",
  },
  UnknownScope: {
    status: 500,
    title: NOT_WORKING,
    sentence: "The login provider does not know what this server asks it for.",
    remedy: "Set spec.auth.oidc.scopes to scopes that the provider has, for example [openid, email, profile].",
  },
  ClientRefused: {
    status: 500,
    title: NOT_WORKING,
    sentence: "The login provider does not accept this server as its client.",
    remedy: "Compare spec.auth.oidc.clientId and the redirect URI with what is registered at the provider.",
  },
  SecretRefused: {
    status: 500,
    title: NOT_WORKING,
    sentence: "The login provider refused the client ID or the client secret of this server.",
    remedy:
      "Compare spec.auth.oidc.clientId and clientSecret with what is registered at the provider (a line break at the end of a secret counts), correct them and restart the server.",
  },
  ProviderUnavailable: {
    status: 503,
    title: NOT_WORKING,
    sentence: "The login provider is not available at the moment.",
  },
  ProviderError: {
    status: 403,
    title: NOT_WORKING,
    sentence: "The login provider answered with an error.",
    remedy: "The address of this page has the error, and often a description of it.",
  },
  NotAccepted: {
    status: 403,
    title: NOT_WORKING,
    sentence: "What the login provider said about you was not accepted.",
    remedy: "The log of the container oauth2-proxy has the reason.",
  },
  Failed: {
    status: 500,
    title: NOT_WORKING,
    sentence: "What the login provider said about you could not be fetched, or not be read.",
    remedy: "The log of the container oauth2-proxy has the reason.",
  },
  NotSignedIn: { status: 401, title: "You are not signed in", sentence: "You are not signed in at this server." },
  ForeignSignOut: { status: 403, title: "You are still signed in", sentence: "Another site asked to sign you out." },
  NotFound: { status: 404, title: "There is nothing here", sentence: "The login of this server has no such page." },
};

/** What is said of a problem, as a page and as a sentence for programs. Each attempt begins at the server. */
export function problemPage(
  problem: SignInProblem,
  context: PageContext,
): { readonly status: number; readonly page: string; readonly sentence: string } {
  const { status, title, sentence, remedy } = EXPLANATIONS[problem];
  const owner = remedy === undefined ? [] : [`<p>For the owner of the server: ${escapeHtml(remedy)}</p>`];
  const body = [
    `<p>${escapeHtml(sentence)}</p>`,
    `<dl>${fact("Server", context.serverName)}</dl>`,
    `<p>${link(`${prefixOf(context.basePath)}/`, "Go to the server")}</p>`,
    ...owner,
  ];
  return { status, page: page(title, context, body), sentence };
}

/** Asks whether to sign out, when the wish may be another site's. */
export function signOutPage(context: PageContext): string {
  return page("Sign out?", context, [
    "<p>Another site asks to sign you out of this server.</p>",
    `<dl>${fact("Server", context.serverName)}</dl>`,
    `<form method="post" action="${escapeHtml(signOutPath(context))}"><button>Sign out</button></form>`,
    `<p>${link(`${prefixOf(context.basePath)}/`, "Stay signed in")}</p>`,
  ]);
}

/** Where a sign-out ends. It lies outside the login, or it would sign in again at once. */
export function signedOutPage(context: PageContext): string {
  return page("You are signed out", context, [
    "<p>You are signed out of this server, in this browser. Your kernels go on running.</p>",
    "<p>The login provider may still know you: it will ask who you are at the next sign-in. If others use this browser, sign out there, too.</p>",
    `<dl>${fact("Server", context.serverName)}</dl>`,
    `<p>${link(loginPath(context.basePath, "start?account=other"), "Sign in again, or with another account")}</p>`,
  ]);
}

/** Makes text safe in HTML, in elements and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function titleOf(reason: RefusalReason): string {
  if (reason === "TooManyCookies") return "Too many cookies";
  return reason === "LoginServiceUnavailable" ? "The login is not answering" : "You may not use this server";
}

function wayOutOfCookies(context: PageContext): readonly string[] {
  return [
    `<p>${link(signOutPath(context), "Sign out")} to remove the cookies of this server's login. A private window, which has no cookies, works as well.</p>`,
    "<p>If it happens again, another server or page at the same host sets them: tell the people who run this service.</p>",
  ];
}

function wayOut(reason: RefusalReason, identity: Identity | undefined, context: PageContext): readonly string[] {
  if (reason === "TooManyCookies") return wayOutOfCookies(context);
  if (reason === "LoginServiceUnavailable") return ['<p><a href="">Try again</a></p>'];
  if (identity === undefined) return [`<p>${link(loginPath(context.basePath, "start"), "Sign in")}</p>`];
  return [
    "<p>If you should have access, ask the owner of the server.</p>",
    `<p>${link(signOutPath(context), "Sign out")} to use another account.</p>`,
    ...(reason === "EmailNotVerified" ? [`<p>For the owner of the server: ${EMAIL_REMEDY}</p>`] : []),
  ];
}

function signOutPath(context: PageContext): string {
  return loginPath(context.basePath, "sign_out");
}

const EMAIL_REMEDY =
  "If nobody can claim somebody else's address at your provider, set spec.auth.oidc.allowUnverifiedEmail; otherwise authorize people by spec.auth.oidc.authorizedUserIds.";

function nameOf({ email, unverifiedEmail = "", userId }: Identity): string {
  return [email, unverifiedEmail, userId].find((name) => name !== "") ?? "";
}

function fact(term: string, value: string): string {
  return `<dt>${term}</dt><dd>${escapeHtml(value)}</dd>`;
}

function link(href: string, text: string): string {
  return `<a href="${escapeHtml(href)}">${text}</a>`;
}

function page(title: string, { serverName }: PageContext, body: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – ${escapeHtml(serverName)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body.join("\n")}
</main>
</body>
</html>
`;
}
