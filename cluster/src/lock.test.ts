import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { withLock } from "./lock.ts";

/** Part of util-linux; programs are built on Linux alone. */
const hasFlock = spawnSync("flock", ["--version"]).status === 0;

it.skipIf(!hasFlock)("lets one action run after the other, and tells the second that it waits", async () => {
  const folder = mkdtempSync(join(tmpdir(), "amalthea-lock-"));
  const events: string[] = [];
  const entered = Promise.withResolvers<void>();
  const waits = Promise.withResolvers<void>();
  const path = join(folder, "lock");
  const first = withLock(
    path,
    () => undefined,
    async () => {
      entered.resolve();
      await waits.promise;
      events.push("first ends");
    },
  );
  await entered.promise;
  const second = withLock(path, waits.resolve, () => Promise.resolve(events.push("second runs")));
  await Promise.all([first, second]);
  expect(events).toEqual(["first ends", "second runs"]);
  rmSync(folder, { recursive: true });
});
