import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startChain, type Chain, type ChainOptions } from "./chain.ts";

const accounts = {
  alice: { email: "alice@example.org", email_verified: true },
  unknown: { email: "unknown@example.org" },
  unverified: { email: "unverified@example.org", email_verified: false },
  nobody: {},
};
type Person = keyof typeof accounts;
const authorizedEmails = ["alice@example.org", "unknown@example.org", "unverified@example.org"];
const PEOPLE = Object.keys(accounts) as Person[];

type Case = Pick<ChainOptions, "criteria" | "provider" | "env" | "loginArgs"> & {
  readonly where: string;
  readonly admitted: readonly Person[];
};

describe.each<Case>([
  { where: "anybody may enter", criteria: { allowAnyUser: true }, admitted: PEOPLE },
  { where: "people are named by their IDs", criteria: { authorizedUserIds: PEOPLE }, admitted: PEOPLE },
  { where: "addresses are named", criteria: { authorizedEmails }, admitted: ["alice"] },
  {
    where: "addresses are named, and the provider gives them to its UserInfo alone",
    criteria: { authorizedEmails },
    provider: { hasClaimsInUserInfo: true },
    admitted: ["alice"],
  },
  {
    where: "addresses are named, verified or not",
    criteria: { authorizedEmails, allowUnverifiedEmail: true },
    admitted: ["alice", "unknown", "unverified"],
  },
  {
    where: "people are named by their IDs, and a patch names a domain that none of them has",
    criteria: { authorizedUserIds: PEOPLE },
    loginArgs: ["--email-domain=example.com"],
    admitted: PEOPLE,
  },
  {
    where: "addresses are named, on a server of 0.24",
    criteria: { authorizedEmails },
    env: { AMALTHEA_EMAIL_VERIFICATION: "UnlessFalse" },
    admitted: ["alice", "unknown"],
  },
])("where $where", ({ admitted, ...options }) => {
  let chain: Chain;

  beforeAll(async () => {
    chain = await startChain({ basePath: "/sessions/a", accounts, ...options });
  });
  afterAll(() => chain.close());

  it.each(PEOPLE)("%s gets in exactly if they should", async (person) => {
    const { status, body } = await chain.signIn(person);
    expect(status).toBe(admitted.includes(person) ? 200 : 403);
    const isExplained = status !== 403 || person === "nobody" || body.includes("spec.auth.oidc.allowUnverifiedEmail");
    expect(isExplained).toBe(true);
  });

  it("no log has an address", () => {
    expect(chain.log() + chain.programs.oauth2Proxy.output()).not.toContain("@example.org");
  });
});
