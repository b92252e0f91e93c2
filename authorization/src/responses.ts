import type { ServerResponse } from "node:http";
import { PAGE_HEADERS } from "./pages.ts";

/** A list is a header that is sent several times. */
export type Headers = Readonly<Record<string, string | readonly string[]>>;

const JSON_HEADERS: Headers = {
  "Content-Type": "application/json",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  Vary: "Accept",
};

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Headers = {}): void {
  send(response, status, { ...JSON_HEADERS, ...headers }, JSON.stringify(body));
}

export function sendPage(response: ServerResponse, status: number, html: string, headers: Headers = {}): void {
  send(response, status, { ...PAGE_HEADERS, ...headers }, html);
}

/** Redirects a browser; the response is private. */
export function sendRedirect(response: ServerResponse, location: string, headers: Headers = {}): void {
  send(response, 302, { Location: location, "Cache-Control": "no-store", ...headers }, "");
}

/** Sends a whole answer with its length. */
export function send(response: ServerResponse, status: number, headers: Headers, body: string): void {
  const lines = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );
  const octets = Buffer.from(body, "utf8");
  response.writeHead(status, { ...lines, "Content-Length": octets.length });
  response.end(octets); // with a text Node would encode the headers as it encodes the body
}
