import { createHash, randomBytes } from "node:crypto";

/** A session's proof, which the browser keeps as a cookie: 256 random bits. */
export function newTicket(): string {
  return randomBytes(32).toString("base64url");
}

/** The id of a ticket's session; it grants no access. */
export function ticketId(ticket: string): string {
  return createHash("sha256").update(ticket).digest("base64url");
}

/** The id of the session that a cookie (`name=value`) is for. */
export function sessionId(cookie: string): string | undefined {
  return cookie === "" ? undefined : ticketId(cookie.slice(cookie.indexOf("=") + 1));
}
