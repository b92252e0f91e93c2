import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "@amalthea/cluster";
import { type Logger, systemClock } from "@amalthea/kube";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../../controller/src/audit/log-content.ts";
import { LogFolder } from "../../../controller/src/audit/log-folder.ts";
import { putFile, type S3Target } from "../../../controller/src/audit/s3.ts";
import { Uploader } from "../../../controller/src/audit/uploader.ts";
import { eventually } from "../controller/servers.ts";
import { BUCKET, KEY, ObjectStore } from "./object-store.ts";

let store: ObjectStore;
let path: string;
let folder: LogFolder;
let target: S3Target;
let log: string[];
let stop: AbortController;

beforeAll(async () => {
  store = await ObjectStore.start();
});

afterAll(() => store?.[Symbol.asyncDispose]());

beforeEach((context) => {
  path = mkdtempSync(join(tmpdir(), "audit-upload-"));
  const credentialsFolder = join(path, "credentials");
  mkdirSync(credentialsFolder);
  target = {
    ...{ endpoint: store.endpoint, bucket: BUCKET, region: undefined, credentialsFolder, caFile: undefined },
    pathPrefix: `a prefix/${context.task.id}`,
  };
  giveSecret(KEY);
  folder = new LogFolder({
    ...{
      path: join(path, "log"),
      identity: "pod_1",
      rotateBytes: 100_000_000,
      rotateSeconds: 3_600,
      mostBytes: 1_000_000_000,
    },
    ...{ onDropped: () => undefined, onRotated: () => undefined, onProblem: () => undefined },
  });
  [log, stop] = [[], new AbortController()];
  store.fault = "None";
});

afterEach(async () => {
  stop.abort();
  store.cut();
  await folder.close();
  rmSync(path, { recursive: true });
});

/** The content of the mounted Secret. */
function giveSecret(key: Partial<typeof KEY>): void {
  for (const name of ["accessKeyId", "secretAccessKey"] as const) {
    writeFileSync(join(target.credentialsFolder, name), key[name] ?? "");
  }
}

/** An uploader that says in `log` what it says, and how its attempts ended. */
function startUploader(of: Pick<LogFolder, "rotated" | "remove"> = folder): Promise<void> {
  const mine = log; // what an uploader says after its test is not about the next one
  const say = (fields: object, message: string): void => {
    const { err } = fields as { err?: Error };
    mine.push(`${message} ${err?.message ?? ""} ${JSON.stringify(fields)}`);
  };
  const logger: Logger = { debug: say, info: say, warn: say, error: say };
  const uploader = new Uploader({
    ...{ folder: of, target, clock: systemClock, logger },
    onUpload: (result) => void mine.push(result),
    onWaiting: () => undefined,
  });
  return uploader.run(stop.signal);
}

async function aFile(...lines: readonly string[]): Promise<void> {
  await folder.append(lines);
  await folder.rotate();
}

async function storedFiles(): Promise<readonly string[]> {
  const keys = (await store.keys()).filter((key) => key.startsWith(target.pathPrefix));
  return await Promise.all(keys.map((key) => store.content(key)));
}

/** Until the folder has no rotated file any more. */
async function untilUploaded(): Promise<void> {
  await eventually(async () => expect(await folder.rotated()).toEqual([]));
}

const attempts = (result: string): number => log.filter((entry) => entry === result).length;

describe("rotated files of the audit log", () => {
  it("are uploaded below the prefix, and then deleted", async () => {
    await aFile('{"a":1}', '{"b":"ü"}');
    const [file] = await folder.rotated();
    await aFile('{"c":3}');
    void startUploader();
    await untilUploaded();
    expect((await storedFiles()).toSorted()).toEqual(['{"a":1}\n{"b":"ü"}\n', '{"c":3}\n']);
    expect(await store.keys()).toContain(`${target.pathPrefix}/${file?.name}`);
  });

  it("are the same object when one is uploaded twice, as after a crash", async () => {
    await aFile('{"a":1}');
    for (const file of await folder.rotated()) {
      const read = { ...file, ...(await digestOf(file.path)) };
      for (let time = 0; time < 2; time++) await putFile(read, target, stop.signal);
    }
    expect(await storedFiles()).toEqual(['{"a":1}\n']);
  });

  it("wait while the credentials are wrong or absent, and go when the Secret is right; no log line has its content", async () => {
    const wrong = { ...KEY, secretAccessKey: "another secret" };
    giveSecret(wrong);
    await aFile('{"a":1}');
    void startUploader();
    await eventually(async () => expect(log.join()).toContain("403: SignatureDoesNotMatch"));
    giveSecret({ accessKeyId: KEY.accessKeyId });
    await eventually(async () => expect(log.join()).toContain("has no value for secretAccessKey"));
    expect(await folder.rotated()).toHaveLength(1);
    giveSecret(KEY);
    await untilUploaded();
    expect(await storedFiles()).toEqual(['{"a":1}\n']);
    for (const secret of [wrong.secretAccessKey, KEY.secretAccessKey, KEY.accessKeyId]) {
      expect(log.join()).not.toContain(secret);
    }
  });

  it("wait while the object store fails or does not answer, and lines are written meanwhile", async () => {
    store.fault = "Error";
    await aFile('{"a":1}');
    void startUploader();
    await eventually(async () => expect(log.join()).toContain("500: InternalError"));
    store.fault = "Page";
    await eventually(async () => expect(log.join()).toContain("the endpoint is not an object store"));
    store.fault = "Silence";
    const before = store.requests;
    await eventually(async () => expect(store.requests).toBeGreaterThan(before));
    await aFile('{"b":2}');
    expect(await folder.rotated()).toHaveLength(2);
    store.fault = "None";
    store.cut(); // what is not answered ends at its time limit
    await untilUploaded();
    expect((await storedFiles()).toSorted()).toEqual(['{"a":1}\n', '{"b":2}\n']);
    expect(attempts("Succeeded")).toBe(2);
  });

  it("keep nobody from stopping while the object store does not answer", async () => {
    store.fault = "Silence";
    await aFile('{"a":1}');
    const before = store.requests;
    const running = startUploader();
    await eventually(async () => expect(store.requests).toBeGreaterThan(before));
    stop.abort();
    await running;
    expect(await folder.rotated()).toHaveLength(1);
  });

  it("are done with when another replica has uploaded them first", async () => {
    await aFile('{"a":1}');
    const seen = await folder.rotated();
    await aFile('{"b":2}');
    const all = await folder.rotated();
    for (const file of seen) await folder.remove(file);
    void startUploader({ rotated: async () => await Promise.resolve(all), remove: (file) => folder.remove(file) });
    await untilUploaded();
    expect(await storedFiles()).toEqual(['{"b":2}\n']);
    expect(log.join()).not.toContain("cannot upload");
  });

  it("go though one among them cannot be read", async () => {
    const name = "amalthea_audit_log_20260301_120000+0000_0123456789ab.txt"; // the oldest, and no file
    mkdirSync(join(path, "log", name), { recursive: true });
    await aFile('{"a":1}');
    void startUploader();
    await eventually(async () => expect(await storedFiles()).toEqual(['{"a":1}\n']));
    await eventually(async () => expect(log.join()).toContain("EISDIR"));
  });

  it("wait while the store's certificate is of an unknown authority, and go once the ConfigMap has it", async () => {
    const own = join(path, "own");
    makeCertificates(own, [{ file: "store", commonName: "store", names: ["IP:127.0.0.1"] }]);
    const [cert, key] = ["crt", "key"].map((kind) => readFileSync(join(own, `store.${kind}`), "utf8"));
    await using secured = await ObjectStore.start({ cert: cert ?? "", key: key ?? "" });
    const caFile = join(path, "ca.crt");
    target = { ...target, endpoint: secured.endpoint };
    await aFile('{"a":1}');
    for (const file of await folder.rotated()) {
      const read = { ...file, ...(await digestOf(file.path)) };
      await expect(putFile(read, target, stop.signal)).rejects.toThrow("name yours in auditLog.s3.caConfigMap");
    }
    target = { ...target, caFile };
    void startUploader();
    await eventually(async () => expect(log.join()).toContain("ca.crt has no PEM certificate"));
    copyFileSync(join(own, "ca.crt"), caFile);
    await untilUploaded();
    const [stored = ""] = await secured.keys();
    expect(await secured.content(stored)).toBe('{"a":1}\n');
  });

  it("arrive whole over a slow network", async () => {
    store.fault = "Slow";
    const lines = Array.from({ length: 20_000 }, (_, index) => JSON.stringify({ index, text: "x".repeat(100) }));
    await aFile(...lines);
    void startUploader();
    await untilUploaded();
    expect(await storedFiles()).toEqual([`${lines.join("\n")}\n`]);
  });
});
