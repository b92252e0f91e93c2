import { createHmac } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWTHeaderParameters } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import type { SessionAnswer } from "../login-service.ts";
import type { ClaimNames } from "./claims.ts";
import { ProviderKeys } from "./provider-keys.ts";
import { TokenVerifier } from "./token-verifier.ts";

const ISSUER = "https://login.example";
const NOW = 1_800_000_000_000;
const SECOND = NOW / 1000;

type Claims = Readonly<Record<string, unknown>>;
type Pair = { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey };

let provider: Pair;
let attacker: Pair;
let verifier: TokenVerifier;

beforeAll(async () => {
  [provider, attacker] = await Promise.all([newPair(), newPair()]);
  const keys = [{ ...(await exportJWK(provider.publicKey)), kid: "1", alg: "RS256", use: "sig" }];
  const source = { issuerUrl: ISSUER, jwksUrl: "https://k" };
  const { find } = new ProviderKeys(
    source,
    () => Promise.resolve({ keys }),
    () => NOW,
    () => {},
  );
  const settings = { ...source, audiences: ["kernels", "other"], ...names };
  verifier = new TokenVerifier({ settings, findKey: find, isRevoked: (at) => at < NOW - 3600_000, now: () => NOW });
});

const names: ClaimNames = { groupsClaim: "groups", email: { claim: "email", verification: "Required" } };

function newPair(): Promise<Pair> {
  return generateKeyPair("RS256", { extractable: true });
}

const good: Claims = { iss: ISSUER, aud: "kernels", sub: "alice", iat: SECOND - 1, exp: SECOND + 60 };

/** The token with these claims in place of good ones; undefined leaves a claim out. */
function token(claims: Claims = {}, header: object = {}, { privateKey } = provider): Promise<string> {
  const parameters = { alg: "RS256", kid: "1", ...header } as JWTHeaderParameters; // also wrong ones
  return new SignJWT({ ...good, ...claims }).setProtectedHeader(parameters).sign(privateKey);
}

async function verdict(of: string): Promise<string> {
  const answer: SessionAnswer = await verifier.ask(of);
  return answer.kind === "TokenRefused" ? answer.reason : answer.kind;
}

function unsigned(header: object, claims: object = good): string {
  return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
}

describe("TokenVerifier", () => {
  it("says whose token it is, and until when", async () => {
    const answer = await verifier.ask(await token({ groups: ["staff"], preferred_username: "Alice" }));
    expect(answer).toEqual({
      kind: "SignedIn",
      identity: { userId: "alice", email: "", groups: ["staff"], name: "Alice" },
      tokenExpiresAt: NOW + 60_000,
    });
  });

  it.each([
    { claim: "one audience of several", claims: { aud: ["x", "other"] }, says: "SignedIn" },
    { claim: "another audience", claims: { aud: "kernel" }, says: "TokenForAnotherAudience" },
    { claim: "no audience", claims: { aud: undefined }, says: "TokenForAnotherAudience" },
    { claim: "an audience by its azp alone", claims: { aud: "x", azp: "kernels" }, says: "TokenForAnotherAudience" },
    { claim: "an audience in an object", claims: { aud: { 0: "kernels" } }, says: "TokenForAnotherAudience" },
    { claim: "an empty list of audiences", claims: { aud: [] }, says: "TokenForAnotherAudience" },
    { claim: "another issuer", claims: { iss: "https://login.example.org" }, says: "TokenNotAccepted" },
    { claim: "the issuer with a slash", claims: { iss: `${ISSUER}/` }, says: "TokenNotAccepted" },
    { claim: "a list of issuers", claims: { iss: [ISSUER] }, says: "TokenNotAccepted" },
    { claim: "no issuer", claims: { iss: undefined }, says: "TokenNotAccepted" },
    { claim: "an end that is now", claims: { exp: SECOND }, says: "TokenExpired" },
    { claim: "an end within the tolerance for other clocks", claims: { exp: SECOND - 1 }, says: "TokenExpired" },
    { claim: "an end long ago", claims: { exp: SECOND - 3600 }, says: "TokenExpired" },
    { claim: "an end as a text", claims: { exp: String(SECOND + 60) }, says: "TokenNotAccepted" },
    { claim: "no end", claims: { exp: undefined }, says: "TokenNotAccepted" },
    { claim: "a beginning a little ahead", claims: { nbf: SECOND + 20 }, says: "SignedIn" },
    { claim: "a beginning ahead", claims: { nbf: SECOND + 40 }, says: "TokenNotAccepted" },
    { claim: "nobody", claims: { sub: "" }, says: "TokenNotAccepted" },
    { claim: "no subject", claims: { sub: undefined }, says: "TokenNotAccepted" },
    {
      claim: "a time of issue before the one that ends what is older",
      claims: { iat: SECOND - 3601 },
      says: "TokenExpired",
    },
    { claim: "no time of issue, where a time ends what is older", claims: { iat: undefined }, says: "TokenExpired" },
    { claim: "a key of its owner", claims: { cnf: { jkt: "x" } }, says: "TokenNotAccepted" },
  ])("a token that has $claim: $says", async ({ claims, says }) => {
    expect(await verdict(await token(claims))).toBe(says);
  });

  it.each([
    { type: "JWT", says: "SignedIn" },
    { type: "at+jwt", says: "SignedIn" },
    { type: "logout+jwt", says: "TokenNotAccepted" },
    { type: "dpop+jwt", says: "TokenNotAccepted" },
  ])("a token of type $type: $says", async ({ type, says }) => {
    expect(await verdict(await token({}, { typ: type }))).toBe(says);
  });

  it("takes no token that the provider has not signed, whatever its header names", async () => {
    const jwk = await exportJWK(attacker.publicKey);
    const headers = [
      {},
      { jwk },
      { kid: undefined, jwk },
      { kid: "2" },
      { kid: "../../dev/null" },
      { jku: "http://127.0.0.1:1/keys" },
      { x5u: "http://127.0.0.1:1/certificate" },
      { x5c: ["MIIB"] },
    ];
    for (const header of headers) expect(await verdict(await token({}, header, attacker))).toBe("TokenNotAccepted");
  });

  it("takes no token without a signature", async () => {
    for (const alg of ["none", "None", "NONE", "", undefined]) {
      expect(await verdict(`${unsigned({ alg, kid: "1" })}.`)).toBe("TokenNotAccepted");
      expect(await verdict(`${unsigned({ alg, kid: "1" })}.AA`)).toBe("TokenNotAccepted");
    }
    const [header = "", payload = ""] = (await token()).split(".");
    expect(await verdict(`${header}.${payload}.`)).toBe("TokenNotAccepted");
  });

  it("takes no token that is signed with the public key as a secret", async () => {
    const secrets = [await exportSPKI(provider.publicKey), JSON.stringify(await exportJWK(provider.publicKey))];
    for (const secret of secrets) {
      const input = unsigned({ alg: "HS256", kid: "1" });
      const signature = createHmac("sha256", secret).update(input).digest("base64url");
      expect(await verdict(`${input}.${signature}`)).toBe("TokenNotAccepted");
    }
  });

  it("takes no token of another algorithm than that of the key, and none with what it does not understand", async () => {
    expect(await verdict(await token({}, { crit: ["x"], x: 1 }).catch(() => ""))).toBe("TokenNotAccepted");
    const [, payload = "", signature = ""] = (await token()).split(".");
    for (const header of [
      { alg: "RS512", kid: "1" },
      { alg: "PS256", kid: "1" },
      { alg: "ES256", kid: "1" },
    ]) {
      const [changed = ""] = unsigned(header).split(".");
      expect(await verdict(`${changed}.${payload}.${signature}`)).toBe("TokenNotAccepted");
    }
  });

  it("takes nothing that was changed", async () => {
    const [header = "", , signature = ""] = (await token()).split(".");
    const [, changed = ""] = unsigned({}, { ...good, sub: "bob" }).split(".");
    expect(await verdict(`${header}.${changed}.${signature}`)).toBe("TokenNotAccepted");
  });

  it.each(["", "..", "a.b.c", `${"A".repeat(9000)}.e30.AA`, "e30.e30.e30", "bnVsbA.bnVsbA.AA"])(
    "refuses %j",
    async (text) => {
      expect(await verdict(text)).toBe("TokenNotAccepted");
    },
  );

  it("cannot tell while the provider's keys are not known", async () => {
    const source = { issuerUrl: ISSUER, jwksUrl: "https://k" };
    const failing = new ProviderKeys(
      source,
      () => Promise.reject(new Error("gone")),
      () => NOW,
      () => {},
    );
    const blind = new TokenVerifier({
      settings: { ...source, audiences: ["kernels"], ...names },
      findKey: failing.find,
      isRevoked: () => false,
      now: () => NOW,
    });
    expect(await blind.ask(await token())).toEqual({ kind: "Unreachable", problem: "gone" });
  });
});
