import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { CONTAINERS, PORTS, routeOf, SECRET_KEYS } from "@amalthea/api";
import { binaryPath, freePort } from "@amalthea/cluster";
import type { Container } from "kubernetes-types/core/v1.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { desiredChildren } from "../../../controller/src/decide/children/desired.ts";
import { aServer, someSettings } from "../../../controller/src/decide/testing/builders.ts";
import { listOf, valueAt } from "../../../controller/src/decide/values/json.ts";
import { startProgram } from "./program.ts";

/** A host that exists nowhere: who reaches it went through the proxy. */
const ISSUER = "http://id.example.org";

const asked: string[] = [];
let outgoing: Server;
let login: number;

beforeAll(async () => {
  outgoing = createServer((request, response) => {
    asked.push(request.url ?? "");
    const endpoints = ["authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"].map((name) => [
      name,
      `${ISSUER}/${name}`,
    ]);
    response.end(JSON.stringify({ issuer: ISSUER, ...Object.fromEntries(endpoints) }));
  });
  outgoing.listen(0, "127.0.0.1");
  await once(outgoing, "listening");
  login = await freePort();
});

afterAll(() => outgoing.close());

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port; // it listens on TCP
}

/** A container of a server with a login, whose chart names the proxy. */
function containerOf(name: string): Container {
  const proxy = { httpProxy: `http://127.0.0.1:${portOf(outgoing)}`, noProxy: ".svc" };
  const server = aServer({
    routing: { tls: { enabled: true } },
    oidc: { enabled: true, issuerUrl: ISSUER, clientId: "a", clientSecret: { value: "secret" }, allowAnyUser: true },
  });
  const routes = { wanted: routeOf(server), served: undefined, kept: undefined };
  const desired = desiredChildren(server, someSettings({ sidecars: { proxy } }), routes);
  const children = desired.kind === "Rendered" ? desired.children : [];
  const statefulSet = children.find(({ childKey }) => childKey === "statefulset")?.manifest;
  const containers = listOf(valueAt(statefulSet, "spec", "template", "spec", "containers")) as readonly Container[];
  const container = containers.find((one) => one.name === name);
  if (container === undefined) throw new Error(`the pod has no container ${name}`);
  return container;
}

function environmentOf({ env = [] }: Container): Readonly<Record<string, string>> {
  const secrets: Readonly<Record<string, string>> = {
    [SECRET_KEYS.oauth2ProxyCookieSecret]: "0123456789abcdef0123456789abcdef",
    [SECRET_KEYS.oidcClientSecret]: "secret",
  };
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [name, value ?? secrets[valueFrom?.secretKeyRef?.key ?? ""] ?? ""]),
  );
}

describe("the proxy for outgoing traffic that the chart names", () => {
  it("is the way of oauth2-proxy to the provider", async () => {
    const container = containerOf(CONTAINERS.oauth2Proxy);
    const args = (container.args ?? []).map((arg) =>
      arg.replace(`:${PORTS.oauth2Proxy}`, `:${login}`).replaceAll("$$", "$"),
    );
    const program = process.env["AMALTHEA_OAUTH2_PROXY"] ?? binaryPath("oauth2-proxy");
    const running = await startProgram([program, ...args], environmentOf(container), login);
    await running.stop();
    expect(asked).toContain(`${ISSUER}/.well-known/openid-configuration`);
  });

  it("is the way of the authorization service to the provider", async () => {
    const provider = JSON.stringify(new URL("../../../authorization/src/provider.ts", import.meta.url));
    const config = JSON.stringify({ issuerUrl: ISSUER, caFiles: [] });
    const script = `const { Provider } = await import(${provider});
      console.log(JSON.stringify(await new Provider(${config}, Date.now).metadata()))`;
    const env = environmentOf(containerOf(CONTAINERS.authorization));
    asked.length = 0;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { env });
    expect(stdout).toContain("endSessionUrl");
    expect(asked).toEqual([`${ISSUER}/.well-known/openid-configuration`]);
  });
});
