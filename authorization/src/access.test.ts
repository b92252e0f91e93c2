import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideAccess, type AccessDeps } from "./access.ts";
import type { Identity } from "./identity.ts";
import type { SessionAnswer, SessionSource } from "./login-service.ts";
import { parsePolicy } from "./policy.ts";
import type { RequestFacts } from "./request-facts.ts";

const alice: Identity = { userId: "alice", email: "alice@example.org", groups: ["staff"] };
const signedIn: SessionAnswer = { kind: "SignedIn", identity: alice };

const answering = (answer: SessionAnswer): SessionSource => ({
  ask: () => Promise.resolve(answer),
});

const deps = (answer: SessionAnswer = signedIn, policy: unknown = { userIds: ["alice"] }): AccessDeps => ({
  config: { basePath: "/s/a", origins: ["https://x.example"] },
  policy: () => parsePolicy(JSON.stringify(policy)),
  identities: answering(answer),
});

const aRequest = (changes: Partial<RequestFacts> = {}): RequestFacts => ({
  kind: "Api",
  method: "GET",
  host: "x.example",
  target: "/s/a/api",
  origin: undefined,
  fetchSite: undefined,
  credentials: { cookie: "session=1", authorization: "" },
  cookiesForUpstream: "",
  hasTooManyCookies: false,
  ...changes,
});

describe("decideAccess", () => {
  it.each([
    { circumstance: "a valid session", facts: aRequest(), answer: signedIn, decided: "Allow" },
    {
      circumstance: "a token instead of a cookie",
      facts: aRequest({ credentials: { cookie: "", authorization: "Bearer x" } }),
      answer: signedIn,
      decided: "Allow",
    },
    {
      circumstance: "a path outside",
      facts: aRequest({ target: "/s/ab" }),
      answer: signedIn,
      decided: "OutsideBasePath",
    },
    {
      circumstance: "more cookies than anybody has",
      facts: aRequest({ hasTooManyCookies: true }),
      answer: signedIn,
      decided: "TooManyCookies",
    },
    {
      circumstance: "nothing to prove a session with",
      facts: aRequest({ credentials: { cookie: "", authorization: "" } }),
      answer: signedIn,
      decided: "NotSignedIn",
    },
    {
      circumstance: "a session that is over",
      facts: aRequest(),
      answer: { kind: "SignedOut" },
      decided: "NotSignedIn",
    },
    {
      circumstance: "no answer",
      facts: aRequest(),
      answer: { kind: "Unreachable", problem: "" },
      decided: "LoginServiceUnavailable",
    },
    {
      circumstance: "a foreign host",
      facts: aRequest({ host: "y.example" }),
      answer: signedIn,
      decided: "HostNotAllowed",
    },
    {
      circumstance: "a foreign POST",
      facts: aRequest({ method: "POST", origin: "https://y.example" }),
      answer: signedIn,
      decided: "OriginNotAllowed",
    },
    {
      circumstance: "a cross-site DELETE",
      facts: aRequest({ method: "DELETE", fetchSite: "cross-site" }),
      answer: signedIn,
      decided: "CrossSite",
    },
    {
      circumstance: "a foreign WebSocket",
      facts: aRequest({ kind: "WebSocket", origin: "https://y.example" }),
      answer: signedIn,
      decided: "OriginNotAllowed",
    },
    {
      circumstance: "an own WebSocket",
      facts: aRequest({ kind: "WebSocket", origin: "https://x.example" }),
      answer: signedIn,
      decided: "Allow",
    },
  ] as const)("$circumstance → $decided", async ({ facts, answer, decided }) => {
    const decision = await decideAccess(facts, deps(answer));
    expect(decision.kind === "Refuse" ? decision.reason : decision.kind).toBe(decided);
  });

  it.each([
    { policy: {}, reason: "NobodyAuthorized" },
    { policy: { userIds: ["bob"] }, reason: "UserIdNotAuthorized" },
    { policy: { emails: ["bob@example.org"] }, reason: "EmailNotAuthorized" },
    { policy: { groups: ["admin"] }, reason: "GroupNotAuthorized" },
    { policy: { group: ["staff"] }, reason: "PolicyBroken" },
  ])("the policy $policy → $reason, and the answer knows who asked", async ({ policy, reason }) => {
    expect(await decideAccess(aRequest(), deps(signedIn, policy))).toEqual({ kind: "Refuse", reason, identity: alice });
  });

  it("never lets in without a valid session", async () => {
    const answer: fc.Arbitrary<SessionAnswer> = fc.oneof(
      fc.constant<SessionAnswer>({ kind: "SignedOut" }),
      fc.constant<SessionAnswer>({ kind: "Unreachable", problem: "" }),
      fc
        .record({ userId: fc.constantFrom("alice", "bob", "a,b"), email: fc.string(), groups: fc.array(fc.string()) })
        .map((identity): SessionAnswer => ({ kind: "SignedIn", identity })),
    );
    const facts = fc.record({
      kind: fc.constantFrom("Page", "Api", "WebSocket"),
      method: fc.constantFrom("GET", "POST", "HEAD", "OPTIONS"),
      host: fc.constantFrom("x.example", "y.example"),
      target: fc.constantFrom("/s/a/api", "/s/a", "/"),
      origin: fc.constantFrom(undefined, "https://x.example", "null"),
      fetchSite: fc.constantFrom(undefined, "same-origin", "cross-site"),
      credentials: fc.constantFrom({ cookie: "", authorization: "" }, { cookie: "session=1", authorization: "" }),
      cookiesForUpstream: fc.string(),
      hasTooManyCookies: fc.boolean(),
    });
    const property = fc.asyncProperty(facts, answer, async (request, session) => {
      const decision = await decideAccess(request, deps(session, { allowAnyUser: true }));
      const isProven = session.kind === "SignedIn" && request.credentials.cookie !== "";
      if (!isProven) expect(decision.kind).toBe("Refuse");
    });
    await fc.assert(property);
  });
});
