import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { EventRecorder, Informer, type KubeClient, kinds, type Live, type NewEvent } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import type { ConfigMap } from "kubernetes-types/core/v1.js";
import type { Event } from "kubernetes-types/events/v1.js";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { aNamespace, clientOf, forever, until } from "./fixture.ts";

let controlPlane: ControlPlane;
let client: KubeClient;
let namespace: string;
let regarding: Live<ConfigMap>;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  client = clientOf(controlPlane);
});
beforeEach(async () => {
  namespace = await aNamespace(client);
  regarding = await client.create(kinds.ConfigMap, { metadata: { namespace, name: "subject" } }, {}, forever);
});
afterAll(async () => {
  await client.close();
  await controlPlane.stop();
});

type Running = {
  readonly recorder: EventRecorder;
  readonly clock: FakeClock;
  readonly dropped: string[];
  readonly stop: () => Promise<void>;
};

function start(): Running {
  const clock = new FakeClock(new Date());
  const dropped: string[] = [];
  const controller = new AbortController();
  const onDropped = (reason: string): void => void dropped.push(reason);
  const recorder = new EventRecorder({ client, controller: "example.org/test", instance: "test-0", clock, onDropped });
  const running = recorder.run(controller.signal);
  const stop = async (): Promise<void> => {
    controller.abort();
    await running;
  };
  return { recorder, clock, dropped, stop };
}

const anEvent = (more: Partial<NewEvent> = {}): NewEvent => ({
  ...{ regarding, type: "Normal", reason: "Started", action: "Start", note: "The server has started." },
  ...more,
});

async function events(): Promise<readonly Live<Event>[]> {
  return (await client.list(kinds.Event, { namespace }, forever)).items;
}

describe("EventRecorder", () => {
  it("writes an Event that kubectl shows with its object", async () => {
    const { recorder, stop } = start();
    recorder.record(anEvent({ type: "Warning", note: `${"ü".repeat(600)}!` }));
    await stop();
    const [event] = await events();
    expect(event).toMatchObject({
      ...{ type: "Warning", reason: "Started", action: "Start", reportingController: "example.org/test" },
      regarding: { kind: "ConfigMap", name: "subject", uid: regarding.metadata.uid },
    });
    expect(event?.note).toBe("ü".repeat(512));
    const { stdout } = await controlPlane.kubectl(["events", `--namespace=${namespace}`, "--for=configmap/subject"]);
    expect(stdout).toContain("Started");
  });

  it("counts what repeats in one Event, and begins a new one after a long pause", async () => {
    const { recorder, clock, stop } = start();
    const informer = new Informer({ client, kind: kinds.Event, namespaces: [namespace] });
    const controller = new AbortController();
    const watching = informer.run(controller.signal);
    const counts = (): (number | undefined)[] => [...informer.store.list()].map(({ series }) => series?.count);

    recorder.record(anEvent());
    await until(() => informer.store.size === 1);
    recorder.record(anEvent({ note: "In other words." }));
    await until(() => counts()[0] === 2);
    for (let more = 0; more < 5; more++) recorder.record(anEvent());
    await clock.advance(7 * 60_000); // the series is over: its last count is written
    await until(() => counts()[0] === 7);
    recorder.record(anEvent());
    await until(() => informer.store.size === 2);
    controller.abort();
    await watching;
    await stop();
  });

  it("writes the last count of what repeated also when other Events never let it rest", async () => {
    const { recorder, clock, stop } = start();
    const informer = new Informer({ client, kind: kinds.Event, namespaces: [namespace] });
    const controller = new AbortController();
    const watching = informer.run(controller.signal);
    const isCounted = (count: number): boolean =>
      [...informer.store.list()].some(({ series }) => series?.count === count);

    recorder.record(anEvent());
    await until(() => informer.store.size === 1);
    recorder.record(anEvent());
    await until(() => isCounted(2));
    recorder.record(anEvent()); // written when the series is over
    for (let others = 1; others <= 37; others++) {
      const metadata = { ...regarding.metadata, uid: `other-${others}` };
      recorder.record(anEvent({ regarding: { ...regarding, metadata } }));
      await until(() => informer.store.size === 1 + others);
      await clock.advance(10_000);
    }
    await until(() => isCounted(3));
    controller.abort();
    await watching;
    await stop();
  });

  it("sends at most 25 about one object, and says how many it left out", async () => {
    const { recorder, dropped, stop } = start();
    for (let index = 0; index < 40; index++) recorder.record(anEvent({ reason: `Reason${index}` }));
    await stop();
    expect(await events()).toHaveLength(25);
    expect(dropped).toEqual(Array<string>(15).fill("Spam"));
  });

  it("gives up an Event that the API server refuses, and sends the next", async () => {
    const { recorder, dropped, stop } = start();
    const elsewhere = { ...regarding, metadata: { ...regarding.metadata, namespace: "is-not-there" } };
    recorder.record(anEvent({ regarding: elsewhere, reason: "Refused" }));
    recorder.record(anEvent());
    await until(() => dropped.length === 1);
    await stop();
    expect((await events()).map(({ reason }) => reason)).toEqual(["Started"]);
    expect(dropped).toEqual(["Refused"]);
  });
});
