import { describe, expect, it } from "vitest";
import type { Credentials, SessionAnswer } from "./login-service.ts";
import { expiryOf, sessionId, Sessions } from "./sessions.ts";

const HOUR = 3_600_000;
/** In milliseconds since 1970. */
const START = 1_800_000_000_000;

const signedIn = (userId: string): SessionAnswer => ({ kind: "SignedIn", identity: { userId, email: "", groups: [] } });
const aCookie = (payload = "cGF5", seconds = START / 1000): Credentials => ({
  cookie: `name=${payload}|${seconds}|c2ln`,
  authorization: "",
});
const token = (claims: object): string =>
  `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;

function aWorld(answer: (credentials: Credentials) => SessionAnswer | Promise<SessionAnswer>) {
  const clock = { ms: START };
  const asked: Credentials[] = [];
  const source = {
    ask: async (credentials: Credentials): Promise<SessionAnswer> => {
      asked.push(credentials);
      return answer(credentials);
    },
  };
  return { clock, asked, sessions: new Sessions(source, HOUR, () => clock.ms) };
}

describe("Sessions", () => {
  it("remembers whose session it is for less than three seconds", async () => {
    const { clock, asked, sessions } = aWorld(() => signedIn("alice"));
    for (const ms of [0, 1_000, 2_999]) {
      clock.ms = START + ms;
      expect(await sessions.ask(aCookie())).toEqual(signedIn("alice"));
    }
    expect(asked).toHaveLength(1);
    clock.ms = START + 3_000;
    await sessions.ask(aCookie());
    expect(asked).toHaveLength(2);
  });

  it.each([{ kind: "SignedOut" }, { kind: "Unreachable", problem: "" }] as const)(
    "never remembers $kind",
    async (answer) => {
      const { asked, sessions } = aWorld(() => answer);
      expect([await sessions.ask(aCookie()), await sessions.ask(aCookie())]).toEqual([answer, answer]);
      expect(asked).toHaveLength(2);
    },
  );

  it("forgets a yes as soon as a question is answered otherwise", async () => {
    const answers: SessionAnswer[] = [signedIn("alice"), { kind: "SignedOut" }, { kind: "SignedOut" }];
    const { sessions } = aWorld(() => answers.shift() ?? signedIn("nobody"));
    await sessions.ask(aCookie());
    await sessions.confirm(aCookie());
    expect(await sessions.ask(aCookie())).toEqual({ kind: "SignedOut" });
  });

  it.each([
    { what: "a cookie", credentials: aCookie("cGF5", (START - HOUR) / 1000 + 1) },
    { what: "a token", credentials: { cookie: "", authorization: token({ exp: START / 1000 + 1 }) } },
  ])("remembers $what never past its end", async ({ credentials }) => {
    const { clock, asked, sessions } = aWorld(() => signedIn("alice"));
    await sessions.ask(credentials);
    clock.ms = START + 999;
    await sessions.ask(credentials);
    expect(asked).toHaveLength(1);
    clock.ms = START + 1_000;
    await sessions.ask(credentials);
    expect(asked).toHaveLength(2);
  });

  it("a clock that is set back makes nothing hold longer", async () => {
    const { clock, asked, sessions } = aWorld(() => signedIn("alice"));
    await sessions.ask(aCookie());
    clock.ms = START - HOUR;
    await sessions.ask(aCookie());
    expect(asked).toHaveLength(2);
  });

  it("takes nobody for somebody else", async () => {
    const { sessions } = aWorld(({ cookie }) => signedIn(cookie));
    const [first, second] = [aCookie("YQ"), aCookie("Yg")];
    await Promise.all([sessions.ask(first), sessions.ask(second)]);
    expect([await sessions.ask(first), await sessions.ask(second)]).toEqual([
      signedIn(first.cookie),
      signedIn(second.cookie),
    ]);
  });

  it("remembers a thousand at most", async () => {
    const { asked, sessions } = aWorld(() => signedIn("alice"));
    for (let index = 0; index <= 1_000; index += 1) await sessions.ask(aCookie(`cGF5${index}`));
    await sessions.ask(aCookie("cGF51000"));
    expect(asked).toHaveLength(1_001);
    await sessions.ask(aCookie("cGF50"));
    expect(asked).toHaveLength(1_002);
  });

  it.each([
    { copy: "as it was", cookie: aCookie().cookie },
    { copy: "with another form of the same signature", cookie: `${aCookie().cookie}==` },
    { copy: "in two parts", cookie: `name_0=cG; name_1=F5|${START / 1000}|c2ln` },
  ])("a cookie of a session that was ended is worth nothing $copy", async ({ cookie }) => {
    const { clock, sessions } = aWorld(() => signedIn("alice"));
    await sessions.ask(aCookie());
    sessions.end(aCookie());
    const copied = { cookie, authorization: "" };
    expect([await sessions.ask(copied), await sessions.confirm(copied)]).toEqual([
      { kind: "SignedOut" },
      { kind: "SignedOut" },
    ]);
    clock.ms += HOUR - 1;
    sessions.flush();
    expect(await sessions.ask(copied)).toEqual({ kind: "SignedOut" });
  });

  it("ends a session also for a question that is open", async () => {
    const question = Promise.withResolvers<SessionAnswer>();
    const { sessions } = aWorld(() => question.promise);
    const answer = sessions.ask(aCookie());
    sessions.end(aCookie());
    question.resolve(signedIn("alice"));
    expect(await answer).toEqual({ kind: "SignedOut" });
  });

  it("ends one session and no other", async () => {
    const { sessions } = aWorld(() => signedIn("alice"));
    sessions.end(aCookie("YQ"));
    expect(await sessions.ask(aCookie("Yg"))).toEqual(signedIn("alice"));
  });
});

describe("expiryOf", () => {
  it.each([
    { credentials: aCookie(), lifeMs: HOUR, expiry: START + HOUR },
    { credentials: aCookie(), lifeMs: 0, expiry: Infinity },
    { credentials: { cookie: "name=x", authorization: "" }, lifeMs: HOUR, expiry: 0 },
    { credentials: { cookie: "", authorization: token({ exp: 5 }) }, lifeMs: HOUR, expiry: 5_000 },
    { credentials: { cookie: "", authorization: token({}) }, lifeMs: HOUR, expiry: 0 },
    { credentials: { cookie: "", authorization: "Basic YTpi" }, lifeMs: HOUR, expiry: 0 },
    { credentials: { ...aCookie(), authorization: token({ exp: 5 }) }, lifeMs: HOUR, expiry: 5_000 },
  ])("of $credentials is $expiry", ({ credentials, lifeMs, expiry }) => {
    expect(expiryOf(credentials, lifeMs)).toBe(expiry);
  });
});

describe("sessionId", () => {
  it("names nothing where there is no cookie", () => {
    expect(sessionId("")).toBeUndefined();
  });
});
