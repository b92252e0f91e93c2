import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Provider } from "./provider.ts";

describe("whether a provider answers", () => {
  it.each([
    ["with what was asked for", 200, true],
    ["that it has no such document", 404, true],
    ["that it cannot answer", 503, false],
  ])("is known: it says %s", async (_what, status, isAnswering) => {
    const server = createServer((_request, response) => response.writeHead(status).end("{}"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const issuerUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const config = { issuerUrl, caFiles: [], optionalScopes: [], endSessionsAs: undefined };
    const provider = new Provider(config, () => 1_000_000);
    expect(await provider.isAnswering()).toBe(isAnswering);
    server.closeAllConnections();
    server.close();
    await once(server, "close");
    expect(await provider.isAnswering()).toBe(false);
  });
});

describe("a provider that answers with something else", () => {
  let answers: Readonly<Record<string, string>>;
  let server: Server;
  let issuerUrl: string;

  beforeEach(async () => {
    server = createServer(({ url = "" }, response) => response.end(answers[url] ?? "<html></html>"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    issuerUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const provider = (): Provider =>
    new Provider({ issuerUrl, caFiles: [], optionalScopes: [], endSessionsAs: undefined }, () => 1_000_000);

  it.each(["<html></html>", "[]", "null", ""])("has no metadata: %j", async (text) => {
    answers = { "/.well-known/openid-configuration": text };
    expect(await provider().metadata()).toBeUndefined();
  });

  it("says nothing of the owner of a token", async () => {
    const metadata = JSON.stringify({ userinfo_endpoint: `${issuerUrl}/userinfo` });
    answers = { "/.well-known/openid-configuration": metadata };
    expect(await provider().userInfo("token")).toBeUndefined();
  });
});
