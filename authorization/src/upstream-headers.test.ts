import { describe, expect, it } from "vitest";
import { upstreamHeaders } from "./upstream-headers.ts";

const alice = { userId: "1", email: "alice@example.org", groups: [], name: "Älice" };

describe("upstreamHeaders", () => {
  it("says who somebody is, in UTF-8", () => {
    const headers = upstreamHeaders({ kind: "Allow", identity: alice }, "a=1");
    expect(headers).toEqual({
      Cookie: "a=1",
      "X-Forwarded-User": "1",
      "X-Forwarded-Email": "alice@example.org",
      "X-Forwarded-Preferred-Username": "\u00c3\u0084lice",
    });
  });

  it("leaves out what is not known, and what would end a header", () => {
    const identity = { userId: "1\r\nX: y", email: "", groups: [] };
    expect(upstreamHeaders({ kind: "Allow", identity }, "")).toEqual({});
  });

  it("gives a session no proof that Jupyter asks for", () => {
    const headers = upstreamHeaders({ kind: "Allow", identity: alice }, "_xsrf=2|a");
    expect(headers).toMatchObject({ Cookie: "_xsrf=2|a" });
    expect(headers).not.toHaveProperty("X-XSRFToken");
  });

  it.each(["", "_xsrf=2|a", "a=1; _xsrf=2|a; b=2"])("gives a token a pair that agrees, in place of %j", (cookies) => {
    const headers = upstreamHeaders({ kind: "Allow", identity: alice, tokenExpiresAt: 1 }, cookies);
    const pair = /_xsrf=([0-9a-f]{32})$/.exec(headers["Cookie"] ?? "")?.[1];
    expect(pair).toBe(headers["X-XSRFToken"]);
    expect(headers["Cookie"]?.match(/_xsrf=/g)).toHaveLength(1);
  });
});
