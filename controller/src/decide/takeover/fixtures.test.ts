import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { JupyterServer, JupyterServerStatus } from "@amalthea/api";
import { describe, expect, it } from "vitest";
import { decide } from "../decide.ts";
import type { LiveChild, Observed } from "../live/observed.ts";
import { applyMergePatch } from "../testing/apply-merge-patch.ts";
import { anObserved, NOW, someSettings } from "../testing/builders.ts";
import { carryOut } from "../testing/simulated-world.ts";
import { mergePatchBetween } from "../values/merge-patch.ts";

const FIXTURES = [
  ...["asleep", "failed", "half-created", "hibernated", "no-host", "oidc-inline", "oidc-patched", "terminating"],
  ...["token-generated", "token-volume"],
];

/** A server and its children exactly as 0.24 left them, nulls included. */
function asLeft(fixture: string): Observed {
  const path = fileURLToPath(new URL(`../../../../test/fixtures/0.24/${fixture}.json`, import.meta.url));
  const { items } = JSON.parse(readFileSync(path, "utf8")) as { items: readonly LiveChild[] };
  const of = (kind: string): LiveChild | undefined => items.find((item) => item.kind === kind);
  return anObserved({
    server: of("JupyterServer") as unknown as JupyterServer,
    children: items.filter(({ kind }) => !["JupyterServer", "Pod", "Secret"].includes(kind)),
    pod: of("Pod") as unknown as Observed["pod"],
  });
}

/** Writes of the controller until it has none left, at most fifty; it reconciles after each and whenever it said it would. */
function writesUntilRest(start: Observed): readonly string[] {
  const writes: string[] = [];
  let world = start;
  for (let seconds = 0; seconds < 86_400 && writes.length < 50;) {
    const decision = decide(world, someSettings(), new Date(NOW.getTime() + seconds * 1000));
    const status = mergePatchBetween({ ...world.server.status }, { ...decision.status });
    writes.push(...decision.plan.map(({ kind }) => kind), ...(status === undefined ? [] : ["status"]));
    const stored = applyMergePatch({ ...world.server.status }, status ?? {}) as JupyterServerStatus;
    const after = carryOut(world, decision.plan);
    world = { ...after, server: { ...after.server, status: stored } };
    const isWritten = status !== undefined || decision.plan.length > 0;
    const { outcome } = decision;
    seconds += isWritten ? 1 : outcome.kind === "CheckAgain" ? outcome.afterSeconds : 86_400;
  }
  return writes;
}

describe("what 0.24 left", () => {
  it.each(FIXTURES)("of %s is no reason to write more than marks, network policy, replicas and status", (fixture) => {
    const world = asLeft(fixture);
    expect(JSON.stringify(world.server.status)).toContain(fixture === "no-host" ? "{" : ":null");
    expect(writesUntilRest(world).length).toBeLessThanOrEqual(6);
  });
});
