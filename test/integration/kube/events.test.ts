import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { EventRecorder, type KubeClient, kinds, type Live, type NewEvent } from "@amalthea/kube";
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
