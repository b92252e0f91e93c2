import type { Condition, JupyterServer } from "@amalthea/api";
import { keyOf, type Live, type ObjectKey } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import type { Pod, Secret } from "kubernetes-types/core/v1.js";
import { afterEach, describe, expect, it } from "vitest";
import { aContainer, aPod, aReadyPod, aServer, timeAgo } from "../decide/testing/builders.ts";
import { CredentialCheck, type CredentialCheckOptions } from "./credential-check.ts";

const REF = { tokenSecretRef: { name: "mine", key: "token" } };

function startedAgo(seconds: number): Pod {
  const state = { running: { startedAt: timeAgo(seconds) } };
  return aReadyPod({ containers: [aContainer({ ready: true, state })] });
}

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

/** A Secret, and a process that reads it every ten minutes. */
class World {
  /** Undefined: there is no Secret. An error: it cannot be read. A promise: the API server takes its time. */
  token: string | Error | undefined | Promise<string> = "one";
  reads = 0;
  readonly complaints: unknown[] = [];
  readonly news: ObjectKey[] = [];
  readonly clock = new FakeClock();
  check = this.start();

  start(): CredentialCheck {
    const client = { find: async () => await this.read() } as unknown as CredentialCheckOptions["client"];
    const logger = { ...quiet, warn: (context: unknown) => void this.complaints.push(context) };
    const onNews = (key: ObjectKey): void => void this.news.push(key);
    const check = new CredentialCheck({ client, clock: this.clock, logger, onNews, everySeconds: 600 });
    void check.run(stop.signal);
    return check;
  }

  async refresh(server: JupyterServer, pod: Pod | undefined): Promise<boolean> {
    this.check.refresh(server, pod);
    await this.clock.advance(0);
    return this.check.isChanged(server, pod);
  }

  async refreshLater(server: JupyterServer, pod: Pod | undefined): Promise<boolean> {
    await this.clock.advance(600_000);
    return await this.refresh(server, pod);
  }

  private async read(): Promise<Live<Secret> | undefined> {
    this.reads++;
    const token = await this.token;
    if (token instanceof Error) throw token;
    return token === undefined ? undefined : ({ data: { token } } as unknown as Live<Secret>);
  }
}

const server = aServer({ auth: REF });
const pod = startedAgo(50);

describe("the credential in the Secret of a running container", () => {
  it("is read once in an interval, and its change is told until it is taken back", async () => {
    const world = new World();
    expect(await world.refresh(server, pod)).toBe(false);
    world.token = "two";
    await world.clock.advance(599_999);
    expect(await world.refresh(server, pod)).toBe(false);
    expect(world.check.nextRefreshMs(server, pod)).toBe(1);
    expect(world.reads).toBe(1);
    await world.clock.advance(1);
    expect(await world.refresh(server, pod)).toBe(true);
    expect(await world.refresh(server, pod)).toBe(true);
    expect(world.reads).toBe(2);
    expect(world.news).toEqual([keyOf(server)]);
    world.token = "one";
    expect(await world.refreshLater(server, pod)).toBe(false);
    expect(world.news).toHaveLength(2);
  });

  it("holds nobody up and wakes nobody while it is being read, and belongs to the container that was asked about", async () => {
    const world = new World();
    const { promise, resolve } = Promise.withResolvers<string>();
    world.token = promise;
    expect(await world.refresh(server, pod)).toBe(false);
    expect(world.check.nextRefreshMs(server, pod)).toBeGreaterThan(0);
    world.token = "two";
    const next = startedAgo(10);
    expect(await world.refresh(server, next)).toBe(false);
    resolve("one");
    await world.clock.advance(0);
    expect(world.check.isChanged(server, next)).toBe(false);
    expect(await world.refreshLater(server, next)).toBe(false);
    world.token = "three";
    expect(await world.refreshLater(server, next)).toBe(true);
  });

  it("is not remembered of a server that went while it was being read", async () => {
    const world = new World();
    const { promise, resolve } = Promise.withResolvers<string>();
    world.token = promise;
    await world.refresh(server, pod);
    world.check.forget(server.metadata.uid);
    resolve("one");
    await world.clock.advance(0);
    expect(world.check.nextRefreshMs(server, pod)).toBe(0);
  });

  it.each([
    { next: "container that starts after it", after: { server, pod: startedAgo(10) } },
    {
      next: "Secret that is named instead",
      after: { server: aServer({ auth: { tokenSecretRef: { name: "other", key: "token" } } }), pod },
    },
  ])("is at once that of a $next", async ({ after }) => {
    const world = new World();
    await world.refresh(server, pod);
    world.token = "two";
    expect(await world.refreshLater(server, pod)).toBe(true);
    expect(await world.refresh(after.server, after.pod)).toBe(false);
    expect(world.reads).toBe(3);
  });

  it("stays as it is known while the Secret is away or cannot be read", async () => {
    const world = new World();
    await world.refresh(server, pod);
    world.token = undefined;
    expect(await world.refreshLater(server, pod)).toBe(false);
    world.token = "two";
    expect(await world.refreshLater(server, pod)).toBe(true);
    world.token = new Error("forbidden");
    expect(await world.refreshLater(server, pod)).toBe(true);
    expect(world.complaints).toHaveLength(1);
  });

  it("is the client secret with a login, of which oauth2-proxy reads it at its start", async () => {
    const secretKeyRef = { name: "client", key: "token" };
    const withLogin = aServer({ auth: REF, oidc: { enabled: true, clientSecret: { secretKeyRef } } });
    const podSince = (seconds: number): Pod => {
      const login = aContainer({ name: "oauth2-proxy", state: { running: { startedAt: timeAgo(seconds) } } });
      return aReadyPod({ containers: [aContainer({ state: { running: { startedAt: timeAgo(50) } } }), login] });
    };
    const world = new World();
    expect(await world.refresh(withLogin, podSince(40))).toBe(false);
    world.token = "two";
    expect(await world.refreshLater(withLogin, podSince(40))).toBe(true);
    expect(await world.refresh(withLogin, podSince(10))).toBe(false);
  });

  it.each([
    { where: "no Secret is named", of: aServer(), at: pod },
    {
      where: "there is a login, whose client secret is in the spec",
      of: aServer({ auth: REF, oidc: { enabled: true } }),
      at: pod,
    },
    { where: "there is no pod", of: server, at: undefined },
    { where: "its container does not run", of: server, at: aPod({ containers: [aContainer()] }) },
  ])("is not read where $where", async ({ of, at }) => {
    const world = new World();
    expect(await world.refresh(of, at)).toBe(false);
    expect(world.check.nextRefreshMs(of, at)).toBeUndefined();
    expect(world.reads).toBe(0);
  });
});

describe("the next process", () => {
  it.each([
    { sinceSeconds: 49, reason: "TokenChanged", says: "of this container", isChanged: true },
    { sinceSeconds: 49, reason: "ClientSecretChanged", says: "of this container", isChanged: true },
    { sinceSeconds: 50, reason: "TokenChanged", says: "of an earlier container", isChanged: false },
  ])("goes by what the status says $says: $reason", async ({ sinceSeconds, reason, isChanged }) => {
    const condition: Condition = {
      ...{ type: "UpdatePending", status: "True", reason, message: "", observedGeneration: 1 },
      lastTransitionTime: timeAgo(sinceSeconds),
    };
    const told = aServer({ auth: REF, status: { conditions: [condition] } });
    const world = new World();
    expect(await world.refresh(told, pod)).toBe(isChanged);
    expect(await world.refreshLater(told, pod)).toBe(isChanged);
    expect(await world.refresh(told, startedAgo(10))).toBe(false);
    expect(await world.refresh(told, startedAgo(60))).toBe(false);
  });

  it("does not know what a container started with that it did not see start", async () => {
    const world = new World();
    await world.refresh(server, pod);
    world.token = "two";
    world.check = world.start();
    expect(await world.refreshLater(server, pod)).toBe(false);
  });
});
