import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Credentials, SessionAnswer } from "../login-service.ts";
import { RememberedAnswers } from "../remembered-answers.ts";
import type { KeptSession, Renewal } from "./kept-session.ts";
import { SessionFiles } from "./session-files.ts";
import { SessionStore } from "./session-store.ts";
import { Sessions } from "./sessions.ts";
import { sessionId } from "./ticket.ts";

const MINUTE = 60_000;
const START = 1_800_000_000_000;

const alice = { userId: "alice", email: "", groups: [] };
const SIGNED_OUT: SessionAnswer = { kind: "SignedOut" };
const signedIn = (identity = alice): SessionAnswer => ({ kind: "SignedIn", identity });
const ofTicket = (ticket: string): Credentials => ({ cookie: `name=${ticket}`, authorization: "" });

function aWorld(directory?: string) {
  const world = {
    ...{ ms: START, notBefore: 0, isProviderAway: false },
    renewal: Promise.withResolvers<Renewal>(),
    asked: [] as string[],
  };
  const files = new SessionFiles(directory, (problem) => expect.unreachable(problem));
  const store = new SessionStore(files);
  const ended: string[] = [];
  const sessions = new Sessions({
    store,
    renew: async ({ cookie }) => {
      world.asked.push(cookie);
      return world.renewal.promise;
    },
    isProviderAnswering: async () => !world.isProviderAway,
    tokens: new RememberedAnswers({ ask: async () => SIGNED_OUT }, () => world.ms),
    limits: { lengthMs: 720 * MINUTE, renewMs: 3 * MINUTE, graceMs: 60 * MINUTE },
    isRevoked: (signedInAt) => signedInAt < world.notBefore,
    now: () => world.ms,
    onRenewal: () => undefined,
    onEnd: (id) => void ended.push(id),
  });
  return { world, store, files, sessions, ended };
}

const failed: Renewal = { kind: "Failed", problem: "", isAnswered: true };
const renewed: Renewal = { kind: "Renewed", cookie: "a=2", identity: { ...alice, groups: ["new"] } };

describe("Sessions", () => {
  it("know whoever has a ticket, and nobody else", async () => {
    const { sessions } = aWorld();
    const ticket = sessions.begin("a=1", alice);
    expect(await sessions.ask(ofTicket(ticket))).toEqual(signedIn());
    for (const other of ["", `${ticket}=`, ticket.slice(1), sessionId(`name=${ticket}`) ?? ""]) {
      expect(await sessions.ask(ofTicket(other))).toEqual(SIGNED_OUT);
    }
  });

  it("ask the provider once, however many requests come, and keep nobody waiting meanwhile", async () => {
    const { world, sessions } = aWorld();
    const credentials = ofTicket(sessions.begin("a=1", alice));
    world.ms += 3 * MINUTE;
    const answers = await Promise.all(Array.from({ length: 50 }, () => sessions.ask(credentials)));
    expect(answers).toEqual(answers.map(() => signedIn()));
    expect(world.asked).toEqual(["a=1"]);
    world.renewal.resolve(renewed);
    await world.renewal.promise;
    await expect.poll(() => sessions.ask(credentials)).toEqual(signedIn({ ...alice, groups: ["new"] } as never));
    expect(world.asked).toEqual(["a=1"]);
  });

  it("wait for the provider when nobody has used a session for long", async () => {
    const { world, sessions, ended } = aWorld();
    const credentials = ofTicket(sessions.begin("a=1", alice));
    world.ms += 90 * MINUTE;
    const answers = Promise.all([sessions.ask(credentials), sessions.ask(credentials)]);
    world.renewal.resolve({ kind: "Refused" });
    expect(await answers).toEqual([SIGNED_OUT, SIGNED_OUT]);
    expect(world.asked).toEqual(["a=1"]);
    expect(ended).toEqual([sessionId(credentials.cookie)]);
  });

  it("a session that is signed out stays so when a renewal of it comes back", async () => {
    const { world, sessions, store } = aWorld();
    const credentials = ofTicket(sessions.begin("a=1", alice));
    world.ms += 3 * MINUTE;
    await sessions.ask(credentials);
    const ending = sessions.end(credentials);
    world.renewal.resolve(renewed);
    await Promise.all([world.renewal.promise, ending]);
    expect(await sessions.ask(credentials)).toEqual(SIGNED_OUT);
    expect(store.size).toBe(0);
  });

  describe("know what the provider does about renewals", () => {
    /** Attempts to renew a new session. */
    const attempts = async ({ world, sessions }: ReturnType<typeof aWorld>, ...results: Renewal[]) => {
      const credentials = ofTicket(sessions.begin("a=1", alice));
      const known: unknown[] = [];
      for (const result of results) {
        world.renewal = Promise.withResolvers();
        world.renewal.resolve(result);
        world.ms += 10 * MINUTE;
        await sessions.ask(credentials);
        known.push(sessions.areRenewed);
      }
      await sessions.end(credentials);
      return known;
    };

    it("once two attempts in a row have failed with it, also when the session is over", async () => {
      const here = aWorld();
      expect(await attempts(here, failed, failed)).toEqual([undefined, false]);
      expect(here.sessions.areRenewed).toBe(false);
    });

    it("not while it does not answer, or oauth2-proxy does not", async () => {
      const here = aWorld();
      here.world.isProviderAway = true;
      expect(await attempts(here, failed, failed, failed)).toEqual([undefined, undefined, undefined]);
      here.world.isProviderAway = false;
      const silent = { ...failed, isAnswered: false };
      expect(await attempts(here, silent, silent, failed)).toEqual([undefined, undefined, false]);
    });

    it("for good once it has renewed one, whatever comes of others", async () => {
      const here = aWorld();
      expect(await attempts(here, renewed)).toEqual([true]);
      expect(await attempts(here, failed, failed, failed)).toEqual([true, true, true]);
    });

    it("from what an earlier process has kept", async () => {
      const directory = await mkdtemp(join(tmpdir(), "amalthea-sessions-"));
      onTestFinished(() => rm(directory, { recursive: true }));
      const before = aWorld(directory);
      const credentials = ofTicket(before.sessions.begin("a=1", alice));
      before.world.ms += 10 * MINUTE;
      before.world.renewal.resolve(renewed);
      await before.sessions.ask(credentials);
      await before.files.settled();
      const after = aWorld(directory);
      await after.store.load();
      expect(after.sessions.areRenewed).toBe(true);
    });
  });

  it("that began before a given time are over, those after it are not", async () => {
    const { world, sessions, ended } = aWorld();
    const before = ofTicket(sessions.begin("a=1", alice));
    world.ms += MINUTE;
    const after = ofTicket(sessions.begin("a=1", alice));
    world.notBefore = START + 1;
    sessions.flush();
    expect(ended).toEqual([sessionId(before.cookie)]);
    expect([await sessions.ask(before), await sessions.ask(after)]).toEqual([SIGNED_OUT, signedIn()]);
  });

  it("of one person are 20 at most, whoever else has some", async () => {
    const { sessions } = aWorld();
    const bobs = ofTicket(sessions.begin("a=1", { ...alice, userId: "bob" }));
    const tickets = Array.from({ length: 21 }, () => ofTicket(sessions.begin("a=1", alice)));
    const answers = await Promise.all(tickets.map((ticket) => sessions.ask(ticket)));
    expect(answers.map(({ kind }) => kind)).toEqual(["SignedOut", ...Array.from({ length: 20 }, () => "SignedIn")]);
    expect((await sessions.ask(bobs)).kind).toBe("SignedIn");
  });

  it("take 8 MiB at most", () => {
    const { sessions, store } = aWorld();
    for (let user = 0; user < 300; user += 1) {
      sessions.begin("x".repeat(60_000), { ...alice, userId: String(user) });
    }
    expect(store.size).toBeGreaterThan(130);
    expect(store.size * 60_000).toBeLessThan(8 * 1024 * 1024);
  });

  it("outlive the process, in their latest form, and those that were signed out do not", async () => {
    const directory = await mkdtemp(join(tmpdir(), "amalthea-sessions-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const first = aWorld(directory);
    const stays = ofTicket(first.sessions.begin("a=1", alice));
    const goes = ofTicket(first.sessions.begin("a=1", alice));
    await first.sessions.end(goes);
    first.world.ms += 3 * MINUTE;
    first.world.renewal.resolve(renewed);
    await first.sessions.ask(stays);
    const kept = (): KeptSession | undefined => first.store.find(sessionId(stays.cookie) ?? "");
    await expect.poll(() => kept()?.cookie).toBe("a=2");
    await first.files.settled();
    const second = aWorld(directory);
    await second.store.load();
    expect(second.store.find(sessionId(stays.cookie) ?? "")).toEqual(kept());
    expect(await second.sessions.ask(goes)).toEqual(SIGNED_OUT);
    expect((await readdir(directory)).join()).not.toContain(stays.cookie.slice("name=".length));
  });
});
