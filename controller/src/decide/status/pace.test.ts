import type { JupyterServerStatus } from "@amalthea/api";
import type { PodCondition } from "kubernetes-types/core/v1.js";
import { describe, expect, it } from "vitest";
import type { Observed } from "../live/observed.ts";
import type { PlanFacts } from "../facts.ts";
import { statusOf } from "./status.ts";
import {
  aChild,
  aCondition,
  aContainer,
  anObserved,
  aPod,
  aReadyPod,
  aServer,
  NOW,
  someFacts,
  someSettings,
  timeAgo,
} from "../testing/builders.ts";

/** What is seen, by seconds after the start of the story. */
type Story = readonly (readonly [afterSeconds: number, observed: Partial<Observed>, facts?: Partial<PlanFacts>])[];

type Told = { readonly status: JupyterServerStatus | undefined; readonly writes: readonly (string | undefined)[] };

/** Plays a story with a controller that also looks when it said it would; tells the states as they are written. */
function tell(story: Story, first?: JupyterServerStatus): Told {
  let status = first;
  const writes: (string | undefined)[] = [];
  story.forEach(([afterSeconds, observed, facts], index) => {
    const nextAfterSeconds = story[index + 1]?.[0] ?? afterSeconds + 120;
    let seconds = afterSeconds;
    for (;;) {
      const server = { ...(observed.server ?? aServer()), ...(status === undefined ? {} : { status }) };
      const now = new Date(NOW.getTime() + seconds * 1000);
      const decision = statusOf(anObserved({ ...observed, server }), someFacts(facts), someSettings(), now);
      if (decision.status !== status) {
        writes.push(`${seconds} s: ${decision.status.state}`);
        status = decision.status;
      }
      if (decision.checkAgainSeconds === undefined || seconds + decision.checkAgainSeconds >= nextAfterSeconds) break;
      seconds += decision.checkAgainSeconds;
    }
  });
  return { status, writes };
}

const inSeconds = (seconds: number): string => timeAgo(-seconds);
const changedAt = (seconds: number): readonly PodCondition[] => [
  aCondition("PodScheduled", "True", { lastTransitionTime: inSeconds(seconds) }),
];
const children = ["configmap", "service", "ingress", "statefulset"].map((key) => aChild(key, key));
const running = { containers: [aContainer({ state: { running: { startedAt: inSeconds(3) } } })] };
const readyAt = (seconds: number): Observed["pod"] =>
  aReadyPod({ conditions: [aCondition("Ready", "True", { lastTransitionTime: inSeconds(seconds) })] });
const cutOff: Partial<PlanFacts> = { desiredRouteSettled: false };

describe("the pace of status writes", () => {
  it("a new server that starts within seconds costs two", () => {
    const { status, writes } = tell([
      [0, {}, cutOff],
      [1, { children }],
      [1.5, { children, pod: aPod({ conditions: changedAt(1) }) }],
      [3, { children, pod: aPod({ ...running, conditions: changedAt(1) }) }],
      [4, { children, pod: readyAt(4) }],
    ]);
    expect(writes).toEqual(["0 s: starting", "4 s: running"]);
    expect(JSON.stringify(status?.mainPod?.status)).toContain('"ready":true');
    expect(Object.keys(status?.create_fn?.createdResources ?? {})).toHaveLength(4);
    expect(status?.containerStates?.regular).toEqual({ "jupyter-server": "ready" });
  });

  it("a new server whose image takes a minute costs three, and shows its pod meanwhile", () => {
    const { writes } = tell([
      [0, {}],
      [1, { children, pod: aPod({ conditions: changedAt(1) }) }],
      [
        60,
        {
          children,
          pod: aPod({
            conditions: changedAt(1),
            containers: [aContainer({ state: { running: { startedAt: inSeconds(60) } } })],
          }),
        },
      ],
      [75, { children, pod: readyAt(75) }],
    ]);
    expect(writes).toEqual(["0 s: starting", "6 s: starting", "75 s: running"]);
  });

  it("a server that no node takes says so within seconds, also when clients know its pod already", () => {
    const unscheduled = aPod({
      conditions: [aCondition("PodScheduled", "False", { message: "0/1 nodes", lastTransitionTime: inSeconds(7) })],
    });
    const { status, writes } = tell([
      [0, {}],
      [6, { children, pod: aPod({ conditions: changedAt(1) }) }],
      [7, { children, pod: unscheduled }],
    ]);
    expect(writes).toEqual(["0 s: starting", "6 s: starting", "12 s: starting"]);
    expect(status?.conditions?.[0]?.reason).toBe("Unschedulable");
  });

  it("an image that is missing costs one, however often it is asked for", () => {
    const waiting = (reason: string, message: string): Partial<Observed> => ({
      children,
      pod: aPod({ conditions: changedAt(1), containers: [aContainer({ state: { waiting: { reason, message } } })] }),
    });
    const cause = 'failed to resolve reference "x/y:1": x/y:1: not found';
    const attempts = Array.from({ length: 24 }, (_, attempt): Story => [
      [10 + attempt * 300, waiting("ErrImagePull", cause)],
      [12 + attempt * 300, waiting("ImagePullBackOff", `Back-off pulling image "x/y:1": ErrImagePull: ${cause}`)],
    ]);
    expect(tell([[0, {}], ...attempts.flat()]).writes).toEqual(["0 s: starting", "10 s: failed"]);
  });

  it("a container that crashes for ever costs one an hour, and its number of crashes stays up to date", () => {
    const crashing = (seconds: number, restartCount: number): Story => {
      const terminated = { exitCode: 1, startedAt: inSeconds(seconds), finishedAt: inSeconds(seconds + 5) };
      const pod = (more: Parameters<typeof aContainer>[0]): Partial<Observed> => ({
        children,
        pod: aPod({ conditions: changedAt(1), containers: [aContainer({ restartCount, ...more })] }),
      });
      const lastState = { terminated: { ...terminated, finishedAt: inSeconds(seconds - 300) } };
      return [
        [seconds, pod({ state: { running: { startedAt: inSeconds(seconds) } }, lastState })],
        [seconds + 5, pod({ state: { terminated } })],
        [seconds + 15, pod({ state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: { terminated } })],
      ];
    };
    const loops = Array.from({ length: 24 }, (_, loop) => crashing(10 + loop * 310, 20 + loop));
    const { status, writes } = tell([[0, {}], ...loops.flat()]);
    expect(writes.map((write) => write?.split(": ")[1])).toEqual(["starting", "failed", "failed", "failed"]);
    expect(status?.conditions?.[0]?.message).toMatch(/4[0-9] /);
  });

  it("a hibernation costs two, also when the pod takes its time to stop", () => {
    const running = tell([[0, { children, pod: readyAt(0) }]]).status;
    const server = aServer({ jupyterServer: { hibernated: true }, metadata: { generation: 2 } });
    const stopping = aPod({ metadata: { deletionTimestamp: inSeconds(130) }, conditions: changedAt(101) });
    const { status, writes } = tell(
      [
        [100, { server, children, pod: readyAt(0) }],
        [101, { server, children, pod: stopping }],
        [115, { server, children }],
        [116, { server, children }],
      ],
      running,
    );
    expect(writes).toEqual(["100 s: hibernated", "115 s: hibernated"]);
    expect(status?.mainPod).toBeUndefined();
  });

  it("a hibernation after a limit was reached is told at once, whatever its date", () => {
    const running = tell([[0, { children, pod: readyAt(0) }]]).status;
    const limited: JupyterServerStatus = { ...running, willHibernateAt: inSeconds(99), cullingReason: "MaximumAge" };
    for (const date of [inSeconds(100), inSeconds(10_000), "yesterday"]) {
      const metadata = { generation: 2, annotations: { "renku.io/hibernationDate": date } };
      const server = aServer({ jupyterServer: { hibernated: true }, metadata });
      const { writes } = tell(
        [
          [100, { server, children, pod: readyAt(0) }],
          [112, { server, children }],
        ],
        limited,
      );
      expect(writes).toEqual(["100 s: hibernated", "112 s: hibernated"]);
    }
  });

  it("a changed label of a running server costs one", () => {
    const before = tell([[0, { children, pod: readyAt(0) }]]).status;
    const server = aServer({ metadata: { generation: 2 } });
    const ingress = aChild("ingress", "Ingress", {
      spec: { rules: [{ host: "hub.example.org", http: { paths: [{ path: "/sessions/alice" }] } }] },
    });
    const seen = { server, children: [ingress], pod: readyAt(0) };
    const { writes } = tell(
      [
        [10, seen, cutOff],
        [11, seen],
      ],
      before,
    );
    expect(writes).toEqual(["10 s: running"]);
  });

  it("details of a running server are written once they have been quiet for five seconds", () => {
    const before = tell([[0, { children, pod: readyAt(0) }]]).status;
    const withAddress = (ip: string): Partial<Observed> => ({
      children: [
        ...children.slice(0, 2),
        aChild("ingress", "Ingress", { status: { loadBalancer: { ingress: [{ ip }] } } }),
      ],
      pod: readyAt(0),
    });
    const { writes } = tell(
      [
        [1, withAddress("10.0.0.1")],
        [2, withAddress("10.0.0.2")],
        [3, withAddress("10.0.0.3")],
      ],
      before,
    );
    expect(writes).toEqual(["5 s: running"]);
  });

  it("details that never rest are written at most every five seconds", () => {
    const before = tell([[0, { pod: readyAt(0) }]]).status;
    const story: Story = Array.from({ length: 60 }, (_, second) => [
      second,
      { children: [aChild("ingress", "Ingress", { status: { flips: second } })], pod: readyAt(0) },
    ]);
    expect(tell(story, before).writes.length).toBeLessThanOrEqual(13);
  });

  it("a node whose clock runs ahead holds nothing back", () => {
    const before = tell([[0, {}]]).status;
    const { writes } = tell([[10, { children, pod: aPod({ conditions: changedAt(3600) }) }]], before);
    expect(writes).toEqual(["10 s: starting"]);
  });

  it("a server at rest costs nothing, also after the status of 0.24 was replaced", () => {
    const first = { state: "running", kopf: {}, children: {}, mainPod: {} } as const;
    const seen = { children, pod: readyAt(0) };
    const { writes } = tell(
      [
        [0, seen],
        [60, seen],
        [86_400, seen],
      ],
      first,
    );
    expect(writes).toEqual(["0 s: running"]);
  });
});
