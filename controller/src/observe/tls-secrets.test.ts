import { type JupyterServer, REASONS } from "@amalthea/api";
import { keyOf, type ObjectKey } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import { afterEach, describe, expect, it } from "vitest";
import { aServer, timeAgo } from "../decide/testing/builders.ts";
import { TlsSecrets, type TlsSecretsOptions } from "./tls-secrets.ts";

/** Secrets of the namespace "sessions", and a process that looks for them. */
class World {
  readonly secrets = new Set<string>();
  answer: "Yes" | "Forbidden" | "None" = "Yes";
  reads = 0;
  atOnce = 0;
  readonly complaints: unknown[] = [];
  readonly news: ObjectKey[] = [];
  readonly clock = new FakeClock();
  readonly stop = new AbortController();
  readonly check = new TlsSecrets({
    client: { findMetadata: async (_kind, ref, signal) => await this.#find(ref.name, signal) } as Client,
    onNews: (server) => void this.news.push(server),
    clock: this.clock,
    logger: { ...quiet, warn: (context: unknown) => void this.complaints.push(context) },
  });

  constructor() {
    void this.check.run(this.stop.signal);
  }

  /** What is known of them after they were asked for, and all answers have come. */
  async refresh(...names: readonly string[]): Promise<readonly boolean[]> {
    this.check.refresh(alice, names);
    await this.clock.advance(0);
    return names.map((name) => this.check.isMissing(alice, name));
  }

  async #find(name: string, signal: AbortSignal): Promise<{ metadata: object } | undefined> {
    this.reads++;
    this.atOnce++;
    if (this.answer === "None") await new Promise((_, reject) => signal.addEventListener("abort", reject));
    this.atOnce--;
    if (this.answer === "Forbidden") throw new Error("forbidden");
    return this.secrets.has(name) ? { metadata: { name } } : undefined;
  }
}

type Client = TlsSecretsOptions["client"];

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const aServerNamed = (name: string): JupyterServer => aServer({ metadata: { namespace: "sessions", name } });
const [alice, bob] = [aServerNamed("alice"), aServerNamed("bob")];

/** The server as a former process of the controller left it. */
function missing(server: JupyterServer, secret: string): JupyterServer {
  const message = `${REASONS.TlsSecretMissing.sentence({ secret })} ${REASONS.TlsSecretMissing.remedy}`;
  const warning = { type: "RouteWarning", status: "True", reason: "TlsSecretMissing", message } as const;
  return {
    ...server,
    status: { conditions: [{ ...warning, lastTransitionTime: timeAgo(60), observedGeneration: 1 }] },
  };
}

let world: World;
afterEach(() => world.stop.abort());

describe("a Secret with a certificate", () => {
  it("that is missing is looked for every 30 seconds, and its server told when it is missing, and when it came", async () => {
    world = new World();
    expect(await world.refresh("hub-tls")).toEqual([true]);
    expect(world.news).toEqual([keyOf(alice.metadata)]);
    world.secrets.add("hub-tls");
    await world.clock.advance(29_999);
    expect(await world.refresh("hub-tls")).toEqual([true]);
    expect(world.check.nextRefreshMs("sessions", ["hub-tls"])).toBe(1);
    await world.clock.advance(1);
    expect(await world.refresh("hub-tls")).toEqual([false]);
    expect(world.reads).toBe(2);
    expect(world.news).toEqual([keyOf(alice.metadata), keyOf(alice.metadata)]);
  });

  it("that is there is looked for every ten minutes, once for all servers that name it, and is no news", async () => {
    world = new World();
    world.secrets.add("hub-tls");
    for (let server = 0; server < 3; server++) expect(await world.refresh("hub-tls")).toEqual([false]);
    expect(world.news).toEqual([]);
    world.secrets.clear();
    await world.clock.advance(599_999);
    expect(await world.refresh("hub-tls")).toEqual([false]);
    expect(world.reads).toBe(1);
    await world.clock.advance(1);
    expect(await world.refresh("hub-tls")).toEqual([true]);
  });

  it("that several servers ask for at the same time is looked for once, and all of them are told", async () => {
    world = new World();
    world.check.refresh(alice, ["hub-tls"]);
    world.check.refresh(bob, ["hub-tls"]);
    await world.clock.advance(0);
    expect(world.reads).toBe(1);
    expect(world.news).toEqual([keyOf(alice.metadata), keyOf(bob.metadata)]);
  });

  it("that the status calls missing stays so until it is looked up: a start of the controller is no news", async () => {
    world = new World();
    const told = missing(alice, "hub-tls");
    world.check.refresh(told, ["hub-tls", "other-tls"]);
    expect(["hub-tls", "other-tls"].map((name) => world.check.isMissing(told, name))).toEqual([true, false]);
    world.secrets.add("other-tls");
    await world.clock.advance(0);
    expect(["hub-tls", "other-tls"].map((name) => world.check.isMissing(told, name))).toEqual([true, false]);
    expect(world.news).toEqual([]);
  });

  it("that the status calls missing and that came while no controller ran is news", async () => {
    world = new World();
    const told = missing(alice, "hub-tls");
    world.secrets.add("hub-tls");
    world.check.refresh(told, ["hub-tls"]);
    await world.clock.advance(0);
    expect(world.check.isMissing(told, "hub-tls")).toBe(false);
    expect(world.news).toEqual([keyOf(alice.metadata)]);
  });

  it("that cannot be read is what it was before, and at first there", async () => {
    world = new World();
    world.answer = "Forbidden";
    expect(await world.refresh("hub-tls")).toEqual([false]);
    world.answer = "Yes";
    await world.clock.advance(600_000);
    expect(await world.refresh("hub-tls")).toEqual([true]);
    world.answer = "Forbidden";
    await world.clock.advance(30_000);
    expect(await world.refresh("hub-tls")).toEqual([true]);
    expect(world.complaints).toHaveLength(2);
  });

  it("holds nobody up while the API server does not answer, takes few connections, and wakes nobody meanwhile", async () => {
    world = new World();
    world.answer = "None";
    const names = Array.from({ length: 20 }, (_, index) => `tls-${index}`);
    expect((await world.refresh(...names)).some(Boolean)).toBe(false);
    expect(world.atOnce).toBe(4);
    expect(world.check.nextRefreshMs("sessions", names)).toBeGreaterThan(0);
    await world.clock.advance(10_000);
    expect(world.complaints).toHaveLength(4);
  });

  it("is remembered until there are ten thousand others", async () => {
    world = new World();
    await world.refresh("hub-tls");
    const others = Array.from({ length: 10_000 }, (_, index) => `tls-${index}`);
    // So many take several turns of the event loop.
    while ((await world.refresh(...others)).includes(false)) expect(world.reads).toBeLessThanOrEqual(10_001);
    expect(world.check.isMissing(alice, "hub-tls")).toBe(false);
    expect(world.check.nextRefreshMs("sessions", ["hub-tls"])).toBe(0);
  });

  it("is due no sooner because ten thousand others were asked for while it is being looked for", async () => {
    world = new World();
    world.answer = "None";
    await world.refresh("hub-tls", ...Array.from({ length: 10_000 }, (_, index) => `tls-${index}`));
    expect(world.check.nextRefreshMs("sessions", ["hub-tls"])).toBe(30_000);
  });

  it("is there until it is looked up, if the status is one of 0.24's that cannot be read", () => {
    world = new World();
    const odd = { ...alice, status: { conditions: {} } } as unknown as JupyterServer;
    expect(world.check.isMissing(odd, "hub-tls")).toBe(false);
  });

  it("is not looked for by a server that names none", async () => {
    world = new World();
    await world.refresh();
    expect(world.check.nextRefreshMs("sessions", [])).toBeUndefined();
    expect(world.reads).toBe(0);
  });
});
