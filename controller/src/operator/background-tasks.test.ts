import { untilAborted } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import { BackgroundTasks } from "./background-tasks.ts";

describe("BackgroundTasks", () => {
  it("ends the last first, and each before the one that was started before it", async () => {
    const tasks = new BackgroundTasks();
    const log: string[] = [];
    for (const name of ["ports", "watches", "workers"]) {
      void tasks.start(async (stop) => {
        await untilAborted(stop);
        log.push(`${name} told`);
        await Promise.resolve();
        log.push(`${name} ended`);
      });
    }
    await tasks.end();
    expect(log).toEqual([
      "workers told",
      "workers ended",
      "watches told",
      "watches ended",
      "ports told",
      "ports ended",
    ]);
  });

  it("ends the others although one has failed, and tells whoever waits for that one", async () => {
    const tasks = new BackgroundTasks();
    let hasEnded = false;
    tasks.defer(async () => {
      hasEnded = true;
    });
    const failing = tasks.start(async () => {
      throw new Error("lost");
    });
    await expect(failing).rejects.toThrow("lost");
    await tasks.end();
    expect(hasEnded).toBe(true);
  });
});
