import type { ActivityReport, Culling, JupyterServer } from "@amalthea/api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aPod, NOW, someSettings, type ServerOptions } from "../testing/builders.ts";
import { SimulatedTime, type Pod } from "../testing/simulated-time.ts";
import { running } from "../testing/simulated-world.ts";
import { DEFAULT_CULLING, type CullingSettings } from "./culling-settings.ts";

const DAY = 86_400;
const at = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);
const secondsOf = (time: Date): number => (time.getTime() - NOW.getTime()) / 1000;

/** A server with a volume that is ready since `NOW`. */
function simulate(
  culling: Partial<Culling>,
  pod: Pod,
  more: { readonly settings?: Partial<CullingSettings>; readonly server?: ServerOptions } = {},
): SimulatedTime {
  const { pod: started, ...rest } = running({ culling, pvc: { enabled: true }, ...more.server });
  const world = { ...rest, pod: started && { ...started, status: { ...started.status, podIP: "10.0.0.7" } } };
  const settings = someSettings({ culling: { ...DEFAULT_CULLING, ...more.settings } });
  return new SimulatedTime({ world, now: NOW, settings, pod });
}

/** A pod whose kernel was active at these seconds. */
function active(seconds: readonly number[]): Pod {
  return (now) => {
    const past = seconds.filter((second) => second <= secondsOf(now));
    const ages = past.map((second) => secondsOf(now) - second);
    const quiet = ages.length === 0 ? {} : { quietSeconds: Math.min(...ages) };
    return { kernels: { total: 1, busy: 0, connections: 0, ...quiet }, terminals: { total: 0 } };
  };
}

const silent: Pod = () => undefined;
const busy: Pod = (): ActivityReport => ({ kernels: { total: 1, busy: 1, connections: 0 }, terminals: { total: 0 } });

const thresholds = fc.integer({ min: 30, max: 5_000 });
const instants = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 30 });

/** When a server is idle for the first time, by its activity alone. */
function firstIdle(seconds: readonly number[], threshold: number): number {
  let last = 0;
  for (const second of seconds.toSorted((a, b) => a - b)) {
    if (second > last + threshold) break;
    last = Math.max(last, second);
  }
  return last + threshold;
}

describe("the idle limit", () => {
  it("is enforced exactly so many seconds after the latest activity, and never before", () => {
    fc.assert(
      fc.property(thresholds, instants, (threshold, activity) => {
        const time = simulate({ idleSecondsThreshold: threshold }, active(activity));
        time.runUntil(at(100 * DAY));
        expect(time.done).toEqual([{ kind: "Hibernate", reason: "Idle", at: at(firstIdle(activity, threshold)) }]);
      }),
      { numRuns: 25 },
    );
  });

  it("survives restarts of the controller to the second", () => {
    fc.assert(
      fc.property(
        thresholds,
        instants,
        fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 5 }),
        (threshold, activity, restarts) => {
          const time = simulate({ idleSecondsThreshold: threshold }, active(activity));
          for (const second of restarts.toSorted((a, b) => a - b)) {
            if (time.done.length > 0) break;
            time.runUntil(at(second));
            time.restartController();
          }
          if (time.done.length === 0) time.runUntil(at(100 * DAY));
          expect(time.done).toEqual([{ kind: "Hibernate", reason: "Idle", at: at(firstIdle(activity, threshold)) }]);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("asks the server when it may be reached and not before, and at most once for each time that it is postponed", () => {
    fc.assert(
      fc.property(thresholds, instants, (threshold, activity) => {
        const time = simulate({ idleSecondsThreshold: threshold }, active(activity));
        time.runUntil(at(100 * DAY));
        expect(secondsOf(time.asked[0] ?? NOW)).toBe(threshold);
        const gaps = time.asked.slice(1).map((asked, index) => Number(asked) - Number(time.asked[index]));
        expect(gaps.every((gap) => gap > 0)).toBe(true);
        expect(time.asked.length).toBeLessThanOrEqual(2 + new Set(activity).size);
      }),
      { numRuns: 25 },
    );
  });

  it("is never enforced while a kernel executes something", () => {
    const time = simulate({ idleSecondsThreshold: 600 }, busy);
    time.runUntil(at(DAY / 4));
    expect(time.done).toEqual([]);
  });

  it("is postponed by what the status names, also after a restart of the controller", () => {
    const time = simulate({ idleSecondsThreshold: 600 }, busy);
    time.runUntil(at(1000));
    expect(time.status).toMatchObject({ lastActivityAt: "2026-03-01T12:10:00Z", lastActivityBy: "KernelBusy" });
    time.restartController();
    time.runUntil(at(1100));
    expect(time.status.lastActivityBy).toBe("KernelBusy");
    const used = simulate({ idleSecondsThreshold: 600 }, active([300]));
    used.runUntil(at(700));
    expect(used.status).toMatchObject({ lastActivityAt: "2026-03-01T12:05:00Z", lastActivityBy: "KernelUsed" });
  });

  it("is never enforced for a server that does not answer, which the status says after ten minutes", () => {
    const time = simulate({ idleSecondsThreshold: 60 }, silent);
    time.runUntil(at(659));
    expect(time.status.conditions?.some(({ type }) => type === "ActivityUnknown")).toBe(false);
    time.runUntil(at(661));
    expect(time.status.conditions?.find(({ type }) => type === "ActivityUnknown")).toMatchObject({
      status: "True",
      reason: "ActivityUnreadable",
    });
    time.runUntil(at(DAY / 4));
    expect(time.done).toEqual([]);
    expect(time.asked.length).toBeLessThan(DAY / 4 / 250);
  });

  it("is enforced as soon as a server answers again", () => {
    const time = simulate({ idleSecondsThreshold: 60 }, (now) => (secondsOf(now) < 1000 ? undefined : active([])(now)));
    time.runUntil(at(DAY));
    expect(time.done).toMatchObject([{ kind: "Hibernate", reason: "Idle" }]);
    expect(secondsOf(time.done[0]?.at ?? NOW)).toBeLessThanOrEqual(1300);
    time.runUntil(at(DAY));
    expect(time.status.conditions?.some(({ type }) => type === "ActivityUnknown")).toBe(false);
  });

  it("keeps saying that nobody knows through restarts of the controller, without a write, until the server answers", () => {
    let answers = false;
    const time = simulate({ idleSecondsThreshold: 60 }, (now) => (answers ? busy(now) : undefined));
    time.runUntil(at(700));
    const { conditions } = time.status;
    expect(conditions?.map(({ type }) => type)).toContain("ActivityUnknown");
    const before = time.written.length;
    for (let second = 800; second <= 4000; second += 400) {
      time.restartController();
      time.runUntil(at(second));
      expect(time.status.conditions).toEqual(conditions);
    }
    expect(time.written.length).toBe(before);
    answers = true;
    time.runUntil(at(5000));
    expect(time.status.conditions?.map(({ type }) => type)).not.toContain("ActivityUnknown");
  });

  it("costs a server that is used all the time few writes of its status", () => {
    const time = simulate({ idleSecondsThreshold: 3600 }, (now) => active([secondsOf(now)])(now));
    time.runUntil(at(DAY));
    expect(time.done).toEqual([]);
    expect(time.written.length).toBeLessThanOrEqual(2 + 24);
  });
});

describe("an idle limit of seconds", () => {
  const tab: Pod = () => ({ kernels: { total: 1, busy: 0, connections: 1 }, terminals: { total: 0 } });

  it("costs a server with an open tab a question and a write twice a minute at most, after the first ten", () => {
    for (const [limit, warnSeconds] of [
      [1, 0],
      [1, 10],
      [45, 600],
    ] as const) {
      const time = simulate({ idleSecondsThreshold: limit }, tab, { settings: { warnSeconds } });
      time.runUntil(at(3600));
      expect(time.done).toEqual([]);
      expect(time.asked.length).toBeLessThanOrEqual(131);
      expect(time.written.length).toBeLessThanOrEqual(133);
    }
  });

  it("is enforced to the second at first, and afterwards within half a minute", () => {
    const time = simulate({ idleSecondsThreshold: 2 }, active([1]));
    time.runUntil(at(DAY));
    expect(time.done).toEqual([{ kind: "Hibernate", reason: "Idle", at: at(3) }]);
    const used = simulate({ idleSecondsThreshold: 2 }, (now) => (secondsOf(now) < 600 ? tab(now) : active([600])(now)));
    used.runUntil(at(DAY));
    expect(used.done).toMatchObject([{ kind: "Hibernate", reason: "Idle" }]);
    expect(secondsOf(used.now)).toBeGreaterThan(601);
    expect(secondsOf(used.now)).toBeLessThanOrEqual(632);
  });
});

describe("a warning", () => {
  const isWarned = (time: SimulatedTime): boolean =>
    time.status.conditions?.some(({ type }) => type === "HibernationPending") ?? false;

  it("is given exactly so long before an idle server is hibernated, which is not postponed by it", () => {
    const culling = { idleSecondsThreshold: 1000 };
    const time = simulate(culling, active([300]), { settings: { warnSeconds: 100 } });
    time.runUntil(at(1199));
    expect(isWarned(time)).toBe(false);
    time.runUntil(at(1200));
    expect(isWarned(time)).toBe(true);
    time.runUntil(at(DAY));
    expect(time.done).toEqual([{ kind: "Hibernate", reason: "Idle", at: at(1300) }]);
    expect(time.asked.map(secondsOf)).toEqual([900, 1200, 1300]);
  });

  it("is taken back when somebody works again, and never given to somebody who does", () => {
    const time = simulate({ idleSecondsThreshold: 1000 }, active([950]), { settings: { warnSeconds: 100 } });
    time.runUntil(at(910));
    expect(isWarned(time)).toBe(true);
    time.runUntil(at(1001));
    expect(isWarned(time)).toBe(false);
    const working = simulate({ idleSecondsThreshold: 1000 }, busy, { settings: { warnSeconds: 100 } });
    for (let second = 0; second < 5000; second += 50) {
      working.runUntil(at(second));
      expect(isWarned(working)).toBe(false);
    }
  });

  it("holds until the server is hibernated, also through a restart of the controller, and costs one write", () => {
    const time = simulate({ idleSecondsThreshold: 1000 }, active([300]), { settings: { warnSeconds: 100 } });
    time.runUntil(at(1250));
    expect(isWarned(time)).toBe(true);
    const before = time.written.length;
    time.restartController();
    time.runUntil(at(DAY));
    expect(time.done).toHaveLength(1);
    expect(time.written.length).toBe(before);
  });

  it("is given before the maximum age although nobody knows whether the server is idle, and the status names that limit", () => {
    const limits = { idleSecondsThreshold: 60, maxAgeSecondsThreshold: 3000 };
    const time = simulate(limits, silent, { settings: { warnSeconds: 100 } });
    time.runUntil(at(2899));
    expect(isWarned(time)).toBe(false);
    expect(time.status).toMatchObject({ cullingReason: "MaximumAge", willHibernateAt: "2026-03-01T12:50:00Z" });
    time.runUntil(at(2900));
    expect(isWarned(time)).toBe(true);
  });

  it("is given before the maximum age, too, and ends with keepAliveUntil", () => {
    const time = simulate({ maxAgeSecondsThreshold: 1000 }, busy, { settings: { warnSeconds: 100 } });
    time.runUntil(at(901));
    expect(isWarned(time)).toBe(true);
    const keepAliveUntil = at(5000).toISOString();
    time.change((server) => ({
      ...server,
      spec: { ...server.spec, culling: { ...server.spec.culling, keepAliveUntil } },
    }));
    time.runUntil(at(1100));
    expect(isWarned(time)).toBe(false);
    time.runUntil(at(DAY));
    expect(time.done).toEqual([{ kind: "Hibernate", reason: "MaximumAge", at: at(5000) }]);
  });
});

describe("limits that are not enforced", () => {
  const off = { settings: { enforced: false, warnSeconds: 100 } };
  const told = (time: SimulatedTime): readonly string[] =>
    (time.status.conditions ?? []).filter(({ type }) => type !== "Ready").map(({ message }) => message);

  it("say of an idle server what would have been done, once and for good", () => {
    const time = simulate({ idleSecondsThreshold: 1000 }, active([300]), off);
    time.runUntil(at(1299));
    expect(told(time)).toEqual([]);
    time.runUntil(at(1300));
    expect(told(time)).toEqual([
      "The server would have been hibernated at 2026-03-01T12:21:40Z, when its limit Idle was reached, but limits are not enforced. An administrator can enforce them with the chart value culling.enforced.",
    ]);
    const before = [told(time), time.written.length];
    for (const seconds of [2000, 3000, 4000]) {
      time.runUntil(at(seconds));
      time.restartController();
    }
    expect([told(time), time.written.length, time.done]).toEqual([...before, []]);
  });

  it("say nothing of a server that is used, of which the status has what keeps it", () => {
    const time = simulate({ idleSecondsThreshold: 1000 }, busy, off);
    time.runUntil(at(5000));
    expect([told(time), time.status.lastActivityBy]).toEqual([[], "KernelBusy"]);
  });

  it("say that the activity of a server cannot be read, and when it would have been too old", () => {
    const time = simulate({ idleSecondsThreshold: 60, maxAgeSecondsThreshold: 3000 }, silent, off);
    time.runUntil(at(2999));
    expect(told(time)).toEqual([expect.stringContaining("It is not known whether the server is idle")]);
    time.runUntil(at(3000));
    expect(told(time).join()).toContain(
      "would have been hibernated at 2026-03-01T12:50:00Z, when its limit MaximumAge",
    );
  });
});

describe("the maximum age", () => {
  it("is enforced exactly, whether the server answers, works, or is unknown", () => {
    fc.assert(
      fc.property(thresholds, fc.constantFrom(silent, busy, active([])), (threshold, pod) => {
        const time = simulate({ maxAgeSecondsThreshold: threshold, idleSecondsThreshold: threshold + 1 }, pod);
        time.runUntil(at(100 * DAY));
        expect(time.done).toEqual([{ kind: "Hibernate", reason: "MaximumAge", at: at(threshold) }]);
      }),
      { numRuns: 15 },
    );
  });

  it("counts anew after a resume, and not after a restart of the pod", () => {
    const time = simulate({ maxAgeSecondsThreshold: 1000 }, busy);
    time.runUntil(at(500));
    time.world = { ...time.world, pod: undefined };
    time.runUntil(at(5000));
    expect(time.done.map((done) => secondsOf(done.at))).toEqual([1000]);
    time.runUntil(at(1100));
    time.change((server) => ({
      ...server,
      spec: { ...server.spec, jupyterServer: { ...server.spec.jupyterServer, hibernated: false } },
    }));
    time.runUntil(at(5000));
    expect(time.done.map((done) => secondsOf(done.at))).toEqual([1000, 2100]);
  });
});

describe("a resume while the pod still stops", () => {
  const hibernate =
    (hibernated: boolean) =>
    (server: JupyterServer): JupyterServer => ({
      ...server,
      spec: { ...server.spec, jupyterServer: { ...server.spec.jupyterServer, hibernated } },
    });

  /** Its pod was asked to stop, and takes its time. */
  const stop = (time: SimulatedTime): void => {
    const { pod } = time.world;
    if (pod === undefined) throw new Error("the server has no pod");
    const deletionTimestamp = new Date(time.now.getTime() + 30_000).toISOString();
    time.world = { ...time.world, pod: { ...pod, metadata: { ...pod.metadata, deletionTimestamp } } };
  };

  /** Its pod has never been ready, but its volume was there before. */
  const starting = (culling: Partial<Culling>): SimulatedTime => {
    const time = simulate(culling, silent, { server: { pvc: { enabled: true, volumeName: "files" } } });
    const { pod } = time.world;
    time.world = { ...time.world, pod: pod && { ...pod, status: aPod().status ?? {} } };
    return time;
  };

  it.each([
    ["maximum age", simulate({ maxAgeSecondsThreshold: 1000 }, busy)],
    ["idle time", simulate({ idleSecondsThreshold: 1000 }, active([]))],
    ["time for its start", starting({ startingSecondsThreshold: 1000 })],
  ])("is not undone by the limit of its %s, which counts anew", (_what, time) => {
    time.runUntil(at(5000));
    expect(time.done.map((done) => [done.kind, secondsOf(done.at)])).toEqual([["Hibernate", 1000]]);
    stop(time);
    time.runUntil(at(1001));
    time.change(hibernate(false));
    time.runUntil(at(1020));
    expect(time.done).toHaveLength(1);
    expect(time.status.state).toBe("starting");
  });
});

describe("a resume before anybody saw the hibernation, for the controller was killed", () => {
  const wake = (server: JupyterServer): JupyterServer => ({
    ...server,
    spec: { ...server.spec, jupyterServer: { ...server.spec.jupyterServer, hibernated: false } },
  });

  it.each([
    ["maximum age", { maxAgeSecondsThreshold: 1000 }, busy],
    ["idle time", { idleSecondsThreshold: 1000 }, active([])],
  ] as const)("is not undone by the limit of its %s, which counts anew", (_what, culling, pod) => {
    const time = simulate(culling, pod);
    time.runUntil(at(5000));
    time.restartController();
    time.now = at(1020);
    time.change(wake);
    time.runUntil(at(1999));
    expect(time.done.map((done) => secondsOf(done.at))).toEqual([1000]);
    time.runUntil(at(5000));
    expect(time.done.map((done) => secondsOf(done.at))).toEqual([1000, 2020]);
  });
});

describe("why a server is hibernated", () => {
  const why = (time: SimulatedTime): string | undefined =>
    time.status.conditions?.find(({ type }) => type === "Hibernated")?.message;

  it("is in its status as long as it is, and not of a later hibernation by somebody", () => {
    const time = simulate({ maxAgeSecondsThreshold: 1000 }, busy);
    time.runUntil(at(5000));
    time.restartController();
    time.runUntil(at(2 * DAY));
    const sentence = "The server is hibernated, because its limit MaximumAge was reached at 2026-03-01T12:16:40Z.";
    expect(why(time)).toContain(sentence);
    const set = (hibernated: boolean) => (server: JupyterServer) => ({
      ...server,
      spec: { ...server.spec, jupyterServer: { ...server.spec.jupyterServer, hibernated } },
    });
    time.change(set(false));
    time.runUntil(at(2 * DAY + 10));
    expect(time.world.server.metadata.annotations).not.toHaveProperty("amalthea.dev/hibernated-by");
    time.change(set(true));
    time.runUntil(at(2 * DAY + 20));
    expect(why(time)).toMatch(/^The server is hibernated\. /);
  });

  it.each(["", "Idle", "Idle soon", "Never 2026-03-01T12:00:00Z", "toString 2026-03-01T12:00:00Z"])(
    "is not told by the annotation %j",
    (note) => {
      const time = simulate({}, silent, {
        server: {
          jupyterServer: { hibernated: true },
          metadata: { annotations: { "amalthea.dev/hibernated-by": note } },
        },
      });
      time.runUntil(at(10));
      expect(why(time)).toMatch(/^The server is hibernated\. /);
    },
  );
});

describe("what is shown", () => {
  it("is never later than what happens", () => {
    fc.assert(
      fc.property(thresholds, instants, (threshold, activity) => {
        const time = simulate({ idleSecondsThreshold: threshold }, active(activity));
        while (time.done.length === 0 && time.now < at(2 * DAY)) {
          const shown = Date.parse(time.status.willHibernateAt ?? "");
          if (Number.isFinite(shown)) expect(shown).toBeLessThanOrEqual(Number(at(firstIdle(activity, threshold))));
          time.runUntil(new Date(time.now.getTime() + 777_000));
        }
        expect(time.done).toHaveLength(1);
      }),
      { numRuns: 15 },
    );
  });
});

describe("whatever comes together", () => {
  const happenings = ["time", "clock", "restart", "work", "busy", "calm", "deaf", "hears", "keep", "beat"] as const;
  const happening = fc.tuple(fc.constantFrom(...happenings), fc.integer({ min: -4_000, max: 4_000 }));

  it("somebody at work is never stopped, and an idle server is", () => {
    fc.assert(
      fc.property(thresholds, fc.constantFrom(0, 600), fc.array(happening, { maxLength: 25 }), (limit, warn, all) => {
        const pod = { workedAt: 0, isBusy: false, isDeaf: false, clockSeconds: 0 };
        const now = (controller: Date): number => secondsOf(controller) - pod.clockSeconds;
        const report = (controller: Date): ActivityReport => {
          const kernels = { total: 1, busy: Number(pod.isBusy), connections: 0 };
          return { kernels: { ...kernels, quietSeconds: now(controller) - pod.workedAt }, terminals: { total: 0 } };
        };
        const answer: Pod = (controller) => (pod.isDeaf ? undefined : report(controller));
        const time = simulate({ idleSecondsThreshold: limit }, answer, { settings: { warnSeconds: warn } });
        const later = (seconds: number): Date => new Date(time.now.getTime() + seconds * 1000);
        const spend = (seconds: number): void => {
          time.runUntil(later(seconds));
          if (time.done.length === 0) return;
          expect(pod.isBusy).toBe(false);
          expect(now(time.now) - pod.workedAt).toBeGreaterThanOrEqual(limit);
        };
        const happens = {
          time: (seconds: number) => spend(Math.abs(seconds)),
          clock: (seconds: number) => {
            pod.clockSeconds += seconds;
            time.now = later(seconds);
          },
          restart: () => time.restartController(),
          work: () => (pod.workedAt = now(time.now)),
          busy: () => (pod.isBusy = true),
          calm: () => {
            if (pod.isBusy) pod.workedAt = now(time.now);
            pod.isBusy = false;
          },
          deaf: () => (pod.isDeaf = true),
          hears: () => (pod.isDeaf = false),
          keep: (seconds: number) => {
            const keepAliveUntil = later(seconds).toISOString();
            time.change(({ spec, ...server }) => ({
              ...server,
              spec: { ...spec, culling: { ...spec.culling, keepAliveUntil } },
            }));
          },
          beat: (seconds: number) => {
            const annotations = { "renku.io/lastActivityDate": later(seconds).toISOString() };
            time.change(({ metadata, ...server }) => ({ ...server, metadata: { ...metadata, annotations } }));
          },
        };
        for (const [what, seconds] of all) if (time.done.length === 0) happens[what](seconds);
        happens.calm();
        happens.hears();
        if (time.done.length === 0) spend(DAY);
        expect(time.done).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a clock that is set", () => {
  it("back or forth does not stop somebody at work", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -100_000, max: 100_000 }), { maxLength: 6 }), (jumps) => {
        const time = simulate({ idleSecondsThreshold: 600 }, (now) => active([secondsOf(now) - 1])(now));
        for (const jump of jumps) {
          time.now = new Date(time.now.getTime() + jump * 1000);
          time.runUntil(new Date(time.now.getTime() + 900_000));
        }
        expect(time.done).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it("back for a while changes nothing about limits once it is right again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.constantFrom(active([]), busy), (jump, pod) => {
        const time = simulate({ maxAgeSecondsThreshold: 1000 }, pod);
        time.runUntil(at(300));
        time.now = at(300 - jump);
        time.runUntil(at(310 - jump));
        expect(time.done).toEqual([]);
        time.now = at(310);
        time.runUntil(at(DAY));
        expect(time.done).toEqual([{ kind: "Hibernate", reason: "MaximumAge", at: at(1000) }]);
      }),
      { numRuns: 25 },
    );
  });

  it("back to stay delays a limit until the clock has reached it again, and by no more", () => {
    const time = simulate({ idleSecondsThreshold: 600 }, active([]));
    time.runUntil(at(300));
    time.now = at(-3300);
    time.runUntil(at(DAY));
    expect(time.done).toMatchObject([{ kind: "Hibernate", reason: "Idle" }]);
    expect(secondsOf(time.now)).toBeLessThanOrEqual(600);
  });
});
