import { describe, expect, it } from "vitest";
import type { SessionSource } from "../login-service.ts";
import { TokenOrSession } from "./token-or-session.ts";
import { KeysUnavailable } from "./provider-keys.ts";
import { TokenVerifier } from "./token-verifier.ts";

const tokens = new TokenVerifier({
  settings: {
    issuerUrl: "https://login.example",
    audiences: ["x"],
    groupsClaim: "groups",
    email: { claim: "email", verification: "Required" },
  },
  findKey: () => Promise.reject(new KeysUnavailable("gone")),
  isRevoked: () => false,
  now: () => 0,
});
const alice: SessionSource = {
  ask: () => Promise.resolve({ kind: "SignedIn", identity: { userId: "alice", email: "", groups: [] } }),
};

describe("TokenOrSession", () => {
  it.each(["Bearer x", "Bearer", "token x"])("never looks at the session beside %j", async (authorization) => {
    const answer = await new TokenOrSession(tokens, alice).ask({ cookie: "alice's", authorization });
    expect(answer).toEqual({ kind: "TokenRefused", reason: "TokenNotAccepted" });
  });

  it("does not fall back to the session while tokens cannot be checked", async () => {
    const token = `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.e30.AA`;
    const answer = await new TokenOrSession(tokens, alice).ask({ cookie: "alice's", authorization: `Bearer ${token}` });
    expect(answer.kind).toBe("Unreachable");
  });

  it.each(["", "Basic x"])("looks at the session beside %j", async (authorization) => {
    const answer = await new TokenOrSession(tokens, alice).ask({ cookie: "alice's", authorization });
    expect(answer.kind).toBe("SignedIn");
  });

  it("looks at the session alone where no token opens the server", async () => {
    const answer = await new TokenOrSession(undefined, alice).ask({ cookie: "alice's", authorization: "Bearer x" });
    expect(answer.kind).toBe("SignedIn");
  });
});
