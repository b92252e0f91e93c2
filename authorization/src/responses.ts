import type { ServerResponse } from "node:http";
import { PAGE_HEADERS } from "./pages.ts";

type Headers = Readonly<Record<string, string>>;

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

/** Sends a whole answer with its length. */
export function send(response: ServerResponse, status: number, headers: Headers, body: string): void {
  response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}
