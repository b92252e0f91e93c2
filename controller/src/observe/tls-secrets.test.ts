import { FakeClock } from "@amalthea/kube/testing";
import { describe, expect, it } from "vitest";
import { TlsSecrets, type TlsSecretsOptions } from "./tls-secrets.ts";

const forever = new AbortController().signal;

/** Secrets of the namespace "sessions", and a process that looks for them. */
class World {
  readonly secrets = new Set<string>();
  isReadable = true;
  reads = 0;
  readonly complaints: unknown[] = [];
  readonly clock = new FakeClock();
  readonly check = new TlsSecrets({
    client: { findMetadata: async (_kind, ref) => this.#find(ref.name) } as TlsSecretsOptions["client"],
    clock: this.clock,
    logger: { warn: (context: unknown) => void this.complaints.push(context) },
  });

  async look(...names: readonly string[]): Promise<readonly boolean[]> {
    await this.check.look("sessions", names, forever);
    return names.map((name) => this.check.isMissing("sessions", name));
  }

  #find(name: string): { metadata: object } | undefined {
    this.reads++;
    if (!this.isReadable) throw new Error("forbidden");
    return this.secrets.has(name) ? { metadata: { name } } : undefined;
  }
}

describe("a Secret with a certificate", () => {
  it("that is missing is looked for every 30 seconds, and that it came is known then", async () => {
    const world = new World();
    expect(await world.look("hub-tls")).toEqual([true]);
    world.secrets.add("hub-tls");
    await world.clock.advance(29_999);
    expect(await world.look("hub-tls")).toEqual([true]);
    expect(world.check.nextLookMs("sessions", ["hub-tls"])).toBe(1);
    await world.clock.advance(1);
    expect(await world.look("hub-tls")).toEqual([false]);
    expect(world.reads).toBe(2);
  });

  it("that is there is looked for every ten minutes, once for all servers that name it", async () => {
    const world = new World();
    world.secrets.add("hub-tls");
    for (let server = 0; server < 3; server++) expect(await world.look("hub-tls")).toEqual([false]);
    world.secrets.clear();
    await world.clock.advance(599_999);
    expect(await world.look("hub-tls")).toEqual([false]);
    expect(world.reads).toBe(1);
    await world.clock.advance(1);
    expect(await world.look("hub-tls")).toEqual([true]);
  });

  it("that cannot be read is what it was before, and at first there", async () => {
    const world = new World();
    world.isReadable = false;
    expect(await world.look("hub-tls")).toEqual([false]);
    world.isReadable = true;
    await world.clock.advance(600_000);
    expect(await world.look("hub-tls")).toEqual([true]);
    world.isReadable = false;
    await world.clock.advance(30_000);
    expect(await world.look("hub-tls")).toEqual([true]);
    expect(world.complaints).toHaveLength(2);
  });

  it("is not looked for by a server that names none", async () => {
    const world = new World();
    await world.look();
    expect(world.check.nextLookMs("sessions", [])).toBeUndefined();
    expect(world.reads).toBe(0);
  });
});
