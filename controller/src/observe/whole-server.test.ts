import type { JupyterServer } from "@amalthea/api";
import type { KubeClient, Live, ObjectKey } from "@amalthea/kube";
import { describe, expect, it } from "vitest";
import { aServer } from "../decide/testing/builders.ts";
import { WholeServer } from "./whole-server.ts";

const KEY = "sessions/alice" as ObjectKey;
const forever = new AbortController().signal;

/** A cache that keeps `kept`, and an API server that has `stored`; `reads` and `recorded` count. */
function world(kept: JupyterServer | undefined, stored: JupyterServer | undefined, isWhole: boolean) {
  const seen = { reads: 0, recorded: 0 };
  const caches = {
    server: () => kept,
    isWhole: () => isWhole,
    recordWrite: () => void seen.recorded++,
  };
  const find = (async () => {
    seen.reads++;
    return stored as unknown as Live | undefined;
  }) as KubeClient["find"];
  return { seen, whole: new WholeServer(caches, { find }) };
}

describe("a server that is read for a reconcile", () => {
  const server = aServer({});

  it("comes from the cache alone where all of it is kept, or nothing is there", async () => {
    const { whole, seen } = world(server, undefined, true);
    expect(await whole.read(KEY, forever)).toBe(server);
    expect(await world(undefined, server, false).whole.read(KEY, forever)).toBeUndefined();
    expect(seen.reads).toBe(0);
  });

  it("is read by name where only its outline is kept, once for each version", async () => {
    const { whole, seen } = world({ ...server, spec: { ...server.spec, patches: [] } }, server, false);
    expect(await whole.read(KEY, forever)).toMatchObject({ spec: server.spec });
    await whole.read(KEY, forever);
    expect(seen).toEqual({ reads: 1, recorded: 1 });
  });

  it("is none if it is gone meanwhile", async () => {
    expect(await world(server, undefined, false).whole.read(KEY, forever)).toBeUndefined();
  });
});
