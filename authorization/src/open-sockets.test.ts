import { describe, expect, it } from "vitest";
import type { SessionAnswer, SessionSource } from "./login-service.ts";
import { OpenSockets, type OpenSocket } from "./open-sockets.ts";
import { parsePolicy, type Policy } from "./policy.ts";
import { sessionId } from "./session/ticket.ts";

const limits = { graceMs: 10_000, lifeMs: 60_000 };

function aWorld() {
  const clock = { ms: 0 };
  const sockets = new OpenSockets(limits, () => clock.ms);
  const ended: string[] = [];
  const open = (userId: string, session = userId): void => {
    const socket: OpenSocket = {
      identity: { userId, email: "", groups: [] },
      credentials: { cookie: session, authorization: "" },
      cut: (reason) => {
        ended.push(`${userId} ${reason}`);
        remove();
      },
      bytes: () => ({ received: 1, sent: 2 }),
    };
    const remove = sockets.add(socket);
  };
  return { clock, sockets, ended, open };
}

function sessions(answer: (cookie: string) => SessionAnswer): SessionSource & { readonly asked: string[] } {
  const asked: string[] = [];
  const ask = ({ cookie }: { readonly cookie: string }): Promise<SessionAnswer> => {
    asked.push(cookie);
    return Promise.resolve(answer(cookie));
  };
  return { asked, ask };
}

const alive = (userId: string, groups: readonly string[] = []): SessionAnswer => ({
  kind: "SignedIn",
  identity: { userId, email: "", groups },
});
const anybody = (): Policy => parsePolicy('{"allowAnyUser":true}');
const ignore = (): void => undefined;

describe("OpenSockets", () => {
  it.each([
    { circumstance: "the session lives", answer: alive("alice"), afterMs: 5_000, ended: [] },
    {
      circumstance: "the session is over",
      answer: { kind: "SignedOut" },
      afterMs: 5_000,
      ended: ["alice SessionEnded"],
    },
    {
      circumstance: "the session is another's now",
      answer: alive("bob"),
      afterMs: 5_000,
      ended: ["alice SessionEnded"],
    },
    {
      circumstance: "nobody answers within the grace",
      answer: { kind: "Unreachable", problem: "" },
      afterMs: 10_000,
      ended: [],
    },
    {
      circumstance: "nobody answers beyond the grace",
      answer: { kind: "Unreachable", problem: "" },
      afterMs: 10_001,
      ended: ["alice SessionUnconfirmed"],
    },
    {
      circumstance: "the longest life is over",
      answer: alive("alice"),
      afterMs: 60_000,
      ended: ["alice LifeExceeded"],
    },
  ] as const)("check: $circumstance → $ended", async ({ answer, afterMs, ended }) => {
    const world = aWorld();
    world.open("alice");
    world.clock.ms = afterMs;
    await world.sockets.check(
      sessions(() => answer),
      anybody,
      ignore,
    );
    expect(world.ended).toEqual(ended);
    expect(world.sockets.size).toBe(1 - ended.length);
  });

  it("check asks once per session, however many sockets it has", async () => {
    const { sockets, open } = aWorld();
    open("alice", "s1");
    open("alice", "s1");
    open("alice", "s2");
    const source = sessions(() => alive("alice"));
    await Promise.all([sockets.check(source, anybody, ignore), sockets.check(source, anybody, ignore)]);
    expect(source.asked.sort()).toEqual(["s1", "s2"]);
  });

  it("a confirmed session restarts the grace period", async () => {
    const { sockets, open, clock, ended } = aWorld();
    open("alice");
    clock.ms = 9_000;
    await sockets.check(
      sessions(() => alive("alice")),
      anybody,
      ignore,
    );
    clock.ms = 15_000;
    await sockets.check(
      sessions(() => ({ kind: "Unreachable", problem: "" })),
      anybody,
      ignore,
    );
    expect(ended).toEqual([]);
  });

  it("check cuts those whom the policy keeps out by what is known of them now, and no others", async () => {
    const { sockets, open, ended } = aWorld();
    open("alice");
    open("bob");
    const groupsOf = (cookie: string): readonly string[] => (cookie === "bob" ? ["staff"] : ["guests"]);
    const source = sessions((cookie) => alive(cookie, groupsOf(cookie)));
    await sockets.check(source, () => parsePolicy('{"groups":["staff"]}'), ignore);
    expect(ended).toEqual(["alice AccessRevoked"]);
  });

  it("applyPolicy judges by what the last check said", async () => {
    const { sockets, open, ended } = aWorld();
    open("alice");
    await sockets.check(
      sessions(() => alive("alice", ["staff"])),
      anybody,
      ignore,
    );
    sockets.applyPolicy(parsePolicy('{"groups":["staff"]}'));
    expect(ended).toEqual([]);
  });

  it("cutSession cuts the sockets of this session, and none of a token", () => {
    const { sockets, open, ended } = aWorld();
    open("alice", "name=a");
    open("bob", "");
    sockets.cutSession(sessionId("name=a") ?? "", "SignedOut");
    expect(ended).toEqual(["alice SignedOut"]);
  });

  it("applyPolicy cuts exactly those whom the policy keeps out", () => {
    const { sockets, open, ended } = aWorld();
    open("alice");
    open("bob");
    sockets.applyPolicy(parsePolicy('{"userIds":["bob"]}'));
    expect(ended).toEqual(["alice AccessRevoked"]);
    sockets.applyPolicy(parsePolicy("broken"));
    expect(ended).toEqual(["alice AccessRevoked", "bob AccessRevoked"]);
  });

  it("bytes counts those of closed sockets, too", () => {
    const { sockets, open } = aWorld();
    open("alice");
    open("bob");
    sockets.cutAll("Stopping");
    open("carol");
    expect([sockets.size, sockets.bytes()]).toEqual([1, { received: 3, sent: 6 }]);
  });
});
