import { silentLogger } from "../../../kube/src/logger.ts";
import { FakeClock } from "@amalthea/kube/testing";
import { describe, expect, it } from "vitest";
import { LineWriter } from "./line-writer.ts";
import type { Sink } from "./sink.ts";

/** A sink that works only while it may. */
class Disk implements Sink {
  readonly lines: string[] = [];
  state: "Works" | "Fails" | "Hangs" = "Works";

  async append(lines: readonly string[]): Promise<void> {
    if (this.state === "Hangs") await new Promise(() => undefined);
    if (this.state === "Fails") throw new Error("no space left");
    this.lines.push(...lines);
  }
}

type World = {
  readonly disk: Disk;
  readonly clock: FakeClock;
  readonly writer: LineWriter;
  readonly counts: Record<string, number>;
  readonly ready: PromiseWithResolvers<void>;
};

function world(isReady = true): World {
  const [disk, clock] = [new Disk(), new FakeClock()];
  const ready = Promise.withResolvers<void>();
  if (isReady) ready.resolve();
  const counts = { written: 0, lost: 0, waiting: 0 };
  const writer = new LineWriter({
    ...{ sink: disk, ready: () => ready.promise, clock, logger: silentLogger },
    onWritten: (lines) => void (counts.written += lines),
    onLost: (lines) => void (counts.lost += lines),
    onWaiting: (lines) => void (counts.waiting = lines),
  });
  return { disk, clock, writer, counts, ready };
}

describe("lines of the audit log", () => {
  it("are written when those who wait for them go on", async () => {
    const { disk, writer, counts } = world();
    await Promise.all(["1", "2", "3"].map((line) => writer.add(() => line)));
    expect(disk.lines).toEqual(["1", "2", "3"]);
    expect(counts).toEqual({ written: 3, lost: 0, waiting: 0 });
  });

  it("keep nobody waiting while they cannot be written, and are written in their order once they can", async () => {
    const { disk, clock, writer, counts } = world();
    disk.state = "Fails";
    for (const line of ["1", "2", "3"]) await writer.add(() => line);
    expect(counts).toEqual({ written: 0, lost: 0, waiting: 3 });
    disk.state = "Works";
    await clock.advance(60_000);
    expect(disk.lines).toEqual(["1", "2", "3"]);
    expect(counts).toEqual({ written: 3, lost: 0, waiting: 0 });
  });

  it("keep one waiting for two seconds, and nobody after that, when the disk hangs", async () => {
    const { disk, clock, writer } = world();
    disk.state = "Hangs";
    let isFirstDone = false;
    const first = writer.add(() => "1").then(() => (isFirstDone = true));
    await clock.advance(1_900);
    expect(isFirstDone).toBe(false);
    await clock.advance(200);
    await first;
    await writer.add(() => "2");
    const closing = writer.close(1_000);
    await clock.advance(1_000);
    await closing;
  });

  it("are counted as lost when too many wait", async () => {
    const { disk, writer, counts } = world();
    disk.state = "Fails";
    for (let index = 0; index < 5_010; index++) await writer.add(() => String(index));
    expect(counts).toEqual({ written: 0, lost: 10, waiting: 5_000 });
    disk.state = "Works";
    await writer.close(1_000);
    expect(disk.lines).toHaveLength(5_000);
  });

  it("are made when they can be written, and those that are none any more neither written nor counted", async () => {
    const { disk, clock, writer, counts, ready } = world(false);
    let line: string | undefined = "1";
    const added = Promise.all([writer.add(() => line), writer.add(() => "2")]);
    await clock.advance(2_000);
    await added; // nobody waits longer
    expect(counts).toEqual({ written: 0, lost: 0, waiting: 2 });
    line = undefined;
    ready.resolve();
    await writer.flush(1_000);
    expect(disk.lines).toEqual(["2"]);
    expect(counts).toEqual({ written: 1, lost: 0, waiting: 0 });
  });
});
