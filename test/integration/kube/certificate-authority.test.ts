import { copyFileSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { connect } from "node:tls";
import { type ControlPlane, makeCertificates, startControlPlane } from "@amalthea/cluster";
import { ConnectionError, createClient, Informer, type KubeClient, kinds } from "@amalthea/kube";
import { FakeClock, settle } from "@amalthea/kube/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aNamespace, configOf, createMaps, forever, until, untilNames } from "./fixture.ts";
import { TcpProxy } from "./tcp-proxy.ts";

let controlPlane: ControlPlane;

beforeAll(async () => {
  controlPlane = await startControlPlane();
});
afterAll(() => controlPlane?.stop());

/** Gives the API server a certificate of another authority, as `kubeadm certs` does. @returns The authority's PEM. */
async function replaceCertificate(): Promise<string> {
  const certificates = join(dirname(controlPlane.kubeconfig), "certificates");
  const others = join(certificates, "others");
  makeCertificates(others, [{ file: "api-server", commonName: "kube-apiserver", names: ["IP:127.0.0.1"] }]);
  const before = await fingerprint();
  for (const file of ["api-server.key", "api-server.crt"]) copyFileSync(join(others, file), join(certificates, file));
  let now = before;
  while (now === before) now = await fingerprint(); // the API server looks at its files now and then
  return readFileSync(join(others, "ca.crt"), "utf8");
}

async function fingerprint(): Promise<string> {
  const { hostname: host, port } = new URL(controlPlane.url);
  return await new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

describe("when the certificate authority changes", () => {
  it("a create that waits for its token meanwhile is sent all the same", async () => {
    const clock = new FakeClock(new Date());
    let ca = controlPlane.certificateAuthority;
    const token = Promise.withResolvers<string>();
    const tokens = [Promise.resolve(controlPlane.adminToken)];
    const readToken = (): Promise<string> => tokens.shift() ?? token.promise;
    const config = { ...configOf(controlPlane), readCa: async () => ca, readToken };
    const client = createClient({ config, userAgent: "kube-test/1", clock });
    const namespace = await aNamespace(client);
    clock.jump(60_000); // the token is read again
    const first = createMaps(client, namespace, "first");
    ca += "\n";
    clock.jump(5 * 60_000); // the authority, too
    const second = createMaps(client, namespace, "second");
    await settle();
    token.resolve(controlPlane.adminToken);
    await Promise.all([first, second]);
    await client.close();
  });

  it("calls and watches go on as soon as we are told of it", async () => {
    let ca = controlPlane.certificateAuthority;
    await using path = await TcpProxy.start(controlPlane.url);
    const config = { ...configOf(controlPlane, `https://127.0.0.1:${path.port}`), readCa: async () => ca };
    const client: KubeClient = createClient({ config, userAgent: "kube-test/1" });
    const namespace = await aNamespace(client);
    const failures: unknown[] = [];
    const onFailure = (_: string, error: unknown): void => void failures.push(error);
    const informer = new Informer({ client, kind: kinds.ConfigMap, namespaces: [namespace], onFailure });
    const controller = new AbortController();
    const watching = informer.run(controller.signal);
    await informer.store.waitForSync(forever);

    const newCa = await replaceCertificate();
    path.cut();
    await expect(createMaps(client, namespace, "refused")).rejects.toThrow(ConnectionError);
    await until(() => failures.length > 0);
    ca = newCa;
    await createMaps(client, namespace, "made");
    await untilNames(informer.store, "made");
    controller.abort();
    await watching;
    await client.close();
  });
});
