import { describe, expect, it } from "vitest";
import type { Credentials, SessionAnswer } from "./login-service.ts";
import { RememberedAnswers, tokenExpiry } from "./remembered-answers.ts";

const HOUR = 3_600_000;
/** In milliseconds since 1970. */
const START = 1_800_000_000_000;

const signedIn = (userId: string): SessionAnswer => ({ kind: "SignedIn", identity: { userId, email: "", groups: [] } });
const token = (claims: object): string =>
  `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
const aToken = (sub = "", exp = (START + HOUR) / 1000): Credentials => ({
  cookie: "",
  authorization: token({ sub, exp }),
});

function aWorld(answer: (credentials: Credentials) => SessionAnswer | Promise<SessionAnswer>) {
  const clock = { ms: START };
  const asked: Credentials[] = [];
  const source = {
    ask: async (credentials: Credentials): Promise<SessionAnswer> => {
      asked.push(credentials);
      return answer(credentials);
    },
  };
  return { clock, asked, sessions: new RememberedAnswers(source, () => clock.ms) };
}

describe("RememberedAnswers", () => {
  it("remembers whose token it is for less than three seconds", async () => {
    const { clock, asked, sessions } = aWorld(() => signedIn("alice"));
    for (const ms of [0, 1_000, 2_999]) {
      clock.ms = START + ms;
      expect(await sessions.ask(aToken())).toEqual(signedIn("alice"));
    }
    expect(asked).toHaveLength(1);
    clock.ms = START + 3_000;
    await sessions.ask(aToken());
    expect(asked).toHaveLength(2);
  });

  it.each([{ kind: "SignedOut" }, { kind: "Unreachable", problem: "" }] as const)(
    "never remembers $kind",
    async (answer) => {
      const { asked, sessions } = aWorld(() => answer);
      expect([await sessions.ask(aToken()), await sessions.ask(aToken())]).toEqual([answer, answer]);
      expect(asked).toHaveLength(2);
    },
  );

  it("forgets a yes as soon as a question is answered otherwise", async () => {
    const answers: SessionAnswer[] = [signedIn("alice"), { kind: "SignedOut" }, { kind: "SignedOut" }];
    const { sessions } = aWorld(() => answers.shift() ?? signedIn("nobody"));
    await sessions.ask(aToken());
    await sessions.confirm(aToken());
    expect(await sessions.ask(aToken())).toEqual({ kind: "SignedOut" });
  });

  it("remembers it never past its end", async () => {
    const { clock, asked, sessions } = aWorld(() => signedIn("alice"));
    const credentials = aToken("", START / 1000 + 1);
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
    await sessions.ask(aToken());
    clock.ms = START - HOUR;
    await sessions.ask(aToken());
    expect(asked).toHaveLength(2);
  });

  it("takes nobody for somebody else", async () => {
    const { sessions } = aWorld(({ authorization }) => signedIn(authorization));
    const [first, second] = [aToken("a"), aToken("b")];
    await Promise.all([sessions.ask(first), sessions.ask(second)]);
    expect([await sessions.ask(first), await sessions.ask(second)]).toEqual([
      signedIn(first.authorization),
      signedIn(second.authorization),
    ]);
  });

  it("remembers a thousand at most", async () => {
    const { asked, sessions } = aWorld(() => signedIn("alice"));
    for (let index = 0; index <= 1_000; index += 1) await sessions.ask(aToken(String(index)));
    await sessions.ask(aToken("1000"));
    expect(asked).toHaveLength(1_001);
    await sessions.ask(aToken("0"));
    expect(asked).toHaveLength(1_002);
  });
});

describe("tokenExpiry", () => {
  it.each([
    { authorization: token({ exp: 5 }), expiry: 5_000 },
    { authorization: token({}), expiry: 0 },
    { authorization: "Basic YTpi", expiry: 0 },
  ])("of $authorization is $expiry", ({ authorization, expiry }) => {
    expect(tokenExpiry(authorization)).toBe(expiry);
  });
});
