import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "@amalthea/cluster";
import { type Clock, systemClock } from "@amalthea/kube";
import { FakeClock } from "@amalthea/kube/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubeletConnector } from "./kubelet-connector.ts";
import { Kubelets, type KubeletsRead } from "./kubelets.ts";

const forever = new AbortController().signal;
const HERE = "127.0.0.1";
const OURS = new Set(["pod", "other"]);
const SUMMARY = { pods: [{ podRef: { uid: "pod" }, volume: [{ name: "workspace", usedBytes: 5 }] }] };

let folder: string;
const servers: Server[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "amalthea-kubelets-"));
  const kubelet = { file: "kubelet", commonName: "system:node:node-1" };
  makeCertificates(join(folder, "ours"), [
    { ...kubelet, names: [`IP:${HERE}`] },
    { ...kubelet, file: "other-node", names: ["IP:127.0.0.2"] },
  ]);
  makeCertificates(join(folder, "theirs"), [{ ...kubelet, names: [`IP:${HERE}`] }]);
});

afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true });
});

/** A server in the place of a kubelet. @returns Its port, and what it was asked with. */
async function aKubelet(certificate: string, answer: RequestListener): Promise<{ port: number; asked: string[] }> {
  const [cert, key] = ["crt", "key"].map((end) => readFileSync(join(folder, `${certificate}.${end}`)));
  const asked: string[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    answer(request, response);
  });
  servers.push(server.listen(0, HERE));
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, asked };
}

const summary: RequestListener = (_request, response) => response.end(JSON.stringify(SUMMARY));

async function read(
  port: number,
  addresses: readonly string[] = [HERE],
  clock: Clock = new FakeClock(),
): Promise<KubeletsRead> {
  const connect = kubeletConnector({}, join(folder, "ours", "ca.crt"), "test/1");
  const kubelets = new Kubelets({ token: { read: async () => "t0ken" }, connect, port, clock });
  return await kubelets.read(new Map(addresses.map((address) => [address, OURS])), forever);
}

describe("a kubelet", () => {
  it("is asked once for its summary, with the token, however many pods of ours it has", async () => {
    const { port, asked } = await aKubelet("ours/kubelet", summary);
    const { workspaces, errors } = await read(port);
    expect([...workspaces]).toEqual([["pod", { usedBytes: 5 }]]);
    expect([...errors]).toEqual([[`https://${HERE}:${port}`, undefined]]);
    expect(asked).toEqual(["GET /stats/summary Bearer t0ken"]);
  });

  it("is believed about no pod that is not on its node", async () => {
    const elsewhere = { podRef: { uid: "elsewhere" }, volume: [{ name: "workspace", usedBytes: 9 }] };
    const pods = [...SUMMARY.pods, elsewhere];
    const { port } = await aKubelet("ours/kubelet", (_request, response) => response.end(JSON.stringify({ pods })));
    expect([...(await read(port)).workspaces.keys()]).toEqual(["pod"]);
  });

  it("that sends more than 16 MiB is not read to the end", async () => {
    const large = JSON.stringify({ ...SUMMARY, more: "x".repeat(17 * 1024 * 1024) });
    const { port } = await aKubelet("ours/kubelet", (_request, response) => response.end(large));
    const { workspaces, errors } = await read(port, [HERE], systemClock);
    expect(workspaces.size).toBe(0);
    expect([...errors.values()].map(String).join()).toContain("UND_ERR_RES_EXCEEDED_MAX_SIZE");
  });

  it.each([
    { what: "by an authority that we do not know", certificate: "theirs/kubelet", says: "CERT_SIGNATURE_FAILURE" },
    { what: "for another node", certificate: "ours/other-node", says: "ERR_TLS_CERT_ALTNAME_INVALID" },
  ])("never sees the token if its certificate was signed $what", async ({ certificate, says }) => {
    const { port, asked } = await aKubelet(certificate, summary);
    const { workspaces, errors } = await read(port);
    expect(workspaces.size).toBe(0);
    expect([...errors.values()].map(String).join()).toContain(says);
    expect(asked).toEqual([]);
  });

  it.each([
    { what: "refuses", answer: ((_request, response) => response.writeHead(403).end()) satisfies RequestListener },
    { what: "answers nonsense", answer: ((_request, response) => response.end("{")) satisfies RequestListener },
    {
      what: "sends us elsewhere",
      answer: ((_request, response) =>
        response.writeHead(302, { location: "https://127.0.0.2/" }).end()) satisfies RequestListener,
    },
  ])("that $what leaves the others as they are", async ({ answer }) => {
    const { port } = await aKubelet("ours/kubelet", answer);
    const { workspaces, errors } = await read(port);
    expect(workspaces.size).toBe(0);
    expect([...errors.values()]).toEqual([expect.any(Error)]);
  });

  it("that does not answer is given up after ten seconds", async () => {
    const clock = new FakeClock();
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    const { port } = await aKubelet("ours/kubelet", () => resolve());
    const reading = read(port, [HERE], clock);
    await asked;
    await clock.advance(10_000);
    expect([...(await reading).errors.values()]).toEqual([expect.any(Error)]);
  });

  it("is not asked without a token", async () => {
    const { port, asked } = await aKubelet("ours/kubelet", summary);
    const refused = new Error("refused");
    const token = { read: async () => await Promise.reject(refused) };
    const connect = kubeletConnector({}, join(folder, "ours", "ca.crt"), "test/1");
    const { errors } = await new Kubelets({ token, connect, port, clock: new FakeClock() }).read(
      new Map([[HERE, OURS]]),
      forever,
    );
    expect([...errors.values()]).toEqual([refused]);
    expect(asked).toEqual([]);
  });
});
