import { describe, expect, it } from "vitest";
import { afterRenewal, areRenewedAfter, mayTryAgain, stateOf, type KeptSession } from "./kept-session.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const START = 1_800_000_000_000;

const limits = { lengthMs: 12 * HOUR, renewMs: 3 * MINUTE, graceMs: HOUR };
const identity = { userId: "alice", email: "", groups: [] };
const aSession = (changes: Partial<KeptSession> = {}): KeptSession => ({
  ...{ id: "1", cookie: "a=b", identity, isRenewable: true },
  ...{ signedInAt: START, confirmedAt: START, triedAt: START, failingSince: 0 },
  ...changes,
});
const stateAfter = (ms: number, changes: Partial<KeptSession> = {}): string =>
  stateOf(aSession(changes), limits, START + ms);

describe("a session", () => {
  it.each([
    { ms: 0, state: "Fresh" },
    { ms: 3 * MINUTE - 1, state: "Fresh" },
    { ms: 3 * MINUTE, state: "Due" },
    { ms: 4 * MINUTE - 1, state: "Due" },
    { ms: 4 * MINUTE, state: "Overdue" },
    { ms: 12 * HOUR, state: "Over" },
    { ms: -1, state: "Overdue" },
  ])("$ms ms after the sign-in is $state", ({ ms, state }) => {
    expect(stateAfter(ms)).toBe(state);
  });

  it("of which a renewal has just failed is answered from memory", () => {
    expect(stateAfter(30 * MINUTE, { triedAt: START + 29.5 * MINUTE, failingSince: START + 3 * MINUTE })).toBe("Due");
  });

  it("without renewals lasts as long as its length says", () => {
    const state = (ms: number): string => stateOf(aSession(), { ...limits, renewMs: 0 }, START + ms);
    expect([state(12 * HOUR - 1), state(12 * HOUR)]).toEqual(["Fresh", "Over"]);
  });

  it("without a length has no end of its own", () => {
    expect(stateOf(aSession(), { ...limits, lengthMs: 0, renewMs: 0 }, START + 9_000 * HOUR)).toBe("Fresh");
  });

  it.each([
    { isRenewable: true, pause: 15 * SECOND },
    { isRenewable: false, pause: 3 * MINUTE },
  ])("is tried again $pause ms after a failure (has been renewed before: $isRenewable)", ({ isRenewable, pause }) => {
    const may = (ms: number): boolean => mayTryAgain(aSession({ isRenewable }), limits, START + ms);
    expect([may(pause - 1), may(pause)]).toEqual([false, true]);
  });
});

describe("a renewal", () => {
  const renew = (session: KeptSession, renewal: Parameters<typeof afterRenewal>[1], ms: number) =>
    afterRenewal(session, renewal, limits, START + ms);
  const failed = { kind: "Failed", problem: "", isAnswered: true } as const;

  it("gives the session its new form and time", () => {
    const renewed = { kind: "Renewed", cookie: "a=c", identity: { ...identity, groups: ["x"] } } as const;
    const now = START + 3 * MINUTE;
    expect(renew(aSession({ isRenewable: false, failingSince: START }), renewed, 3 * MINUTE)).toEqual({
      ...aSession({ confirmedAt: now, triedAt: now }),
      ...{ cookie: "a=c", identity: renewed.identity },
    });
  });

  it("that is refused ends it", () => {
    expect(renew(aSession(), { kind: "Refused" }, 3 * MINUTE)).toBeUndefined();
  });

  it("that names somebody else ends it", () => {
    const other = { kind: "Renewed", cookie: "a=c", identity: { ...identity, userId: "bob" } } as const;
    expect(renew(aSession(), other, 3 * MINUTE)).toBeUndefined();
  });

  /** Attempts every 15 seconds that fail, from the first on. */
  const failFor = (session: KeptSession, fromMs: number, forMs: number): KeptSession | undefined => {
    let after: KeptSession | undefined = session;
    for (let ms = 0; ms <= forMs && after !== undefined; ms += 15 * SECOND) after = renew(after, failed, fromMs + ms);
    return after;
  };

  it("that fails ends it after the grace, counted from the first failure", () => {
    expect(failFor(aSession(), 3 * MINUTE, HOUR)).toMatchObject({ failingSince: START + 3 * MINUTE });
    expect(failFor(aSession(), 3 * MINUTE, HOUR + 15 * SECOND)).toBeUndefined();
  });

  it("that fails never ends a session that the provider has never renewed", () => {
    expect(failFor(aSession({ isRenewable: false }), 3 * MINUTE, 5 * HOUR)).toBeDefined();
  });

  it.each([
    { what: "with attempts further apart than the grace", graceMs: HOUR, againMs: 5 * HOUR },
    { what: "with a grace shorter than the pause between attempts", graceMs: 5 * SECOND, againMs: 15 * SECOND },
  ])("that fails ends it after the grace, also $what", ({ graceMs, againMs }) => {
    const fail = (session: KeptSession, ms: number): KeptSession | undefined =>
      afterRenewal(session, failed, { ...limits, graceMs }, START + ms);
    const before = fail(aSession(), 3 * MINUTE);
    expect(before).toMatchObject({ failingSince: START + 3 * MINUTE });
    expect(before && fail(before, 3 * MINUTE + againMs)).toBeUndefined();
  });

  it.each([
    { kind: "Renewed", isRenewable: false, failures: 0, told: true },
    { kind: "Failed", isRenewable: false, failures: 0, told: undefined },
    { kind: "Failed", isRenewable: false, failures: 1, told: false },
    { kind: "Failed", isRenewable: false, failures: 1, told: undefined, isAnswered: false },
    { kind: "Failed", isRenewable: true, failures: 9, told: undefined },
    { kind: "Refused", isRenewable: false, failures: 1, told: undefined },
  ] as const)(
    "$kind tells of the provider's renewals: $told (renewed before: $isRenewable, failures before: $failures)",
    ({ isRenewable, failures, told, ...renewal }) => {
      const failingSince = failures === 0 ? 0 : START + 3 * MINUTE;
      expect(areRenewedAfter(aSession({ isRenewable, failingSince }), { isAnswered: true, ...renewal })).toBe(told);
    },
  );

  it("that succeeds lets the next failure count as the first", () => {
    const renewed = { kind: "Renewed", cookie: "a=c", identity } as const;
    const before = renew(aSession({ failingSince: START + 3 * MINUTE }), renewed, 4 * MINUTE);
    expect(before && renew(before, failed, 5 * HOUR)).toMatchObject({ failingSince: START + 5 * HOUR });
  });
});
