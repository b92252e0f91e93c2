import { mkdtemp, rename, rm, symlink, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PolicyFile } from "./policy-file.ts";
import type { Policy } from "./policy.ts";

let directory = "";
let file: PolicyFile | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "amalthea-policy-"));
});
afterEach(async () => {
  file?.close();
  await rm(directory, { recursive: true, force: true });
});

/** A file that is watched, and a way to wait for its next change. */
async function open(path: string): Promise<{ readonly policies: Policy[]; readonly next: () => Promise<Policy> }> {
  const policies: Policy[] = [];
  let announce: (policy: Policy) => void = () => undefined;
  file = new PolicyFile(path, (policy) => {
    policies.push(policy);
    announce(policy);
  });
  await file.refresh();
  return { policies, next: () => new Promise((resolve) => (announce = resolve)) };
}

async function swap(version: string, text: string): Promise<void> {
  await mkdir(join(directory, version));
  await writeFile(join(directory, version, "policy.json"), text);
  await symlink(version, join(directory, "..data_tmp"));
  await rename(join(directory, "..data_tmp"), join(directory, "..data"));
}

describe("PolicyFile", () => {
  it("sees the kubelet swap a ConfigMap", async () => {
    await swap("..1", '{"allowAnyUser":true}');
    await symlink("..data/policy.json", join(directory, "policy.json"));
    const { policies, next } = await open(directory);
    expect(policies).toEqual([{ kind: "AnyUser" }]);
    const changed = next();
    await swap("..2", "{");
    expect((await changed).kind).toBe("Broken");
    const healed = next();
    await swap("..3", '{"userIds":["u"]}');
    expect((await healed).kind).toBe("Listed");
    expect(file?.current.kind).toBe("Listed");
  });

  it("is broken while the directory or the file is missing, and heals with the next refresh", async () => {
    const path = join(directory, "later");
    const { policies } = await open(path);
    expect(policies).toEqual([{ kind: "Broken", problem: "it cannot be read: ENOENT" }]);
    await mkdir(path);
    await writeFile(join(path, "policy.json"), '{"allowAnyUser":true}');
    await file?.refresh();
    expect(file?.current).toEqual({ kind: "AnyUser" });
  });

  it("is broken when the file is taken away", async () => {
    await writeFile(join(directory, "policy.json"), '{"allowAnyUser":true}');
    const { next } = await open(directory);
    const changed = next();
    await rm(join(directory, "policy.json"));
    expect((await changed).kind).toBe("Broken");
  });

  it("reports no change when the text is the same", async () => {
    await writeFile(join(directory, "policy.json"), '{"allowAnyUser":true}');
    const { policies } = await open(directory);
    await file?.refresh();
    await file?.refresh();
    expect(policies).toHaveLength(1);
  });
});
