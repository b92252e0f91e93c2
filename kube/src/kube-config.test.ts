import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { KubeConfigError } from "./errors.ts";
import { inClusterConfig, readKubeConfig } from "./kube-config.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kube-config-"));
  await Promise.all([
    writeFile(join(folder, "ca.crt"), "CA\n"),
    writeFile(join(folder, "token"), "TOKEN\n"),
    writeFile(join(folder, "namespace"), "ours"),
    writeFile(join(folder, "client.crt"), "CERT"),
    writeFile(join(folder, "client.key"), "KEY"),
  ]);
});
afterAll(async () => await rm(folder, { recursive: true }));

const base64 = (text: string): string => Buffer.from(text).toString("base64");

async function write(user: object, cluster: object = {}, more: object = {}): Promise<string> {
  const path = join(folder, "config");
  const file = {
    "current-context": "here",
    contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "ns" } }],
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:6443", ...cluster } }],
    users: [{ name: "u", user }],
    ...more,
  };
  await writeFile(path, stringify(file));
  return path;
}

describe("readKubeConfig", () => {
  it.each([
    { credentials: "a token", user: { token: "T" }, token: "T" },
    { credentials: "a token's file beside it", user: { tokenFile: "token", token: "ignored" }, token: "TOKEN" },
    {
      credentials: "certificate files",
      user: { "client-certificate": "client.crt", "client-key": "client.key" },
      certificate: { cert: "CERT", key: "KEY" },
    },
    {
      credentials: "inline certificates",
      user: { "client-certificate-data": base64("C"), "client-key-data": base64("K") },
      certificate: { cert: "C", key: "K" },
    },
  ])("reads $credentials", async ({ user, token, certificate }) => {
    const config = await readKubeConfig(await write(user));
    expect(config).toMatchObject({ server: "https://127.0.0.1:6443", namespace: "ns" });
    expect(await config.readToken?.()).toBe(token);
    expect(config.clientCertificate).toEqual(certificate);
  });

  it.each([
    { authority: "inline", cluster: { "certificate-authority-data": base64("INLINE") }, ca: "INLINE" },
    { authority: "in a file beside it", cluster: { "certificate-authority": "ca.crt" }, ca: "CA" },
    { authority: "of the system", cluster: {}, ca: undefined },
  ])("reads a certificate authority $authority", async ({ cluster, ca }) => {
    const config = await readKubeConfig(await write({}, cluster));
    expect(await config.readCa?.()).toBe(ca);
  });

  it.each([
    { wrong: "no current context", more: { "current-context": "" }, says: "has no current-context" },
    { wrong: "a context that is not there", more: { "current-context": "there" }, says: 'has no context "there"' },
    { wrong: "a cluster that is not there", more: { clusters: [] }, says: 'has no cluster "c"' },
    {
      wrong: "a cluster without server",
      more: { clusters: [{ name: "c", cluster: {} }] },
      says: "has no server address",
    },
    ...["exec", "auth-provider", "username", "as", "as-groups"].map((field) => ({
      wrong: `a user with "${field}"`,
      more: { users: [{ name: "u", user: { token: "T", [field]: {} } }] },
      says: `user "u" of ${join(tmpdir(), "kube-config-")}`,
    })),
    {
      wrong: "a proxy",
      more: { clusters: [{ name: "c", cluster: { server: "https://a", "proxy-url": "http://b" } }] },
      says: 'has "proxy-url", which is not supported',
    },
    {
      wrong: "an authority that is not there",
      more: { clusters: [{ name: "c", cluster: { server: "https://a", "certificate-authority": "none" } }] },
      says: "cannot read certificate-authority",
    },
  ])("says what is wrong with $wrong", async ({ more, says }) => {
    const result = readKubeConfig(await write({}, {}, more));
    await expect(result).rejects.toThrow(KubeConfigError);
    await expect(result).rejects.toThrow(says);
  });

  it("says that a file does not exist, or is no kubeconfig", async () => {
    await expect(readKubeConfig(join(folder, "nowhere"))).rejects.toThrow(/nowhere does not exist/);
    await expect(readKubeConfig(join(folder, "token"))).rejects.toThrow("is not a kubeconfig");
  });
});

describe("inClusterConfig", () => {
  const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };

  it("reads a pod's service account, and its token again each time", async () => {
    const config = await inClusterConfig(env, folder);
    expect(config).toMatchObject({ server: "https://10.0.0.1:443", namespace: "ours" });
    expect([await config?.readToken?.(), await config?.readCa?.()]).toEqual(["TOKEN", "CA"]);
    await writeFile(join(folder, "token"), "NEXT");
    expect(await config?.readToken?.()).toBe("NEXT");
    await writeFile(join(folder, "token"), "TOKEN\n");
  });

  it.each([
    { environment: "nothing", env: {}, gives: undefined },
    {
      environment: "an IPv6 host",
      env: { ...env, KUBERNETES_SERVICE_HOST: "fd00::1" },
      gives: "https://[fd00::1]:443",
    },
  ])("an environment with $environment → $gives", async ({ env, gives }) => {
    expect((await inClusterConfig(env, folder))?.server).toBe(gives);
  });

  it("says that no service account is mounted", async () => {
    await expect(inClusterConfig(env, join(folder, "none"))).rejects.toThrow(KubeConfigError);
  });
});
