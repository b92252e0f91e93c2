import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Provider } from "./provider.ts";

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
