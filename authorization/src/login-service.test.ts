import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { LoginService } from "./login-service.ts";

const closers: (() => void)[] = [];

async function aLoginService(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const service = new LoginService({ host: "127.0.0.1", port }, "/s/a");
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  closers.push(close, () => service.close());
  return { service, server, close };
}

const alice = { cookie: "session=1", authorization: "" };
const user = (name: string): string => JSON.stringify({ user: name, email: "", groups: ["a,b"] });

afterEach(() => closers.splice(0).forEach((close) => close()));

describe("LoginService", () => {
  it.each([
    { status: 200, body: user("alice"), kind: "SignedIn" },
    { status: 200, body: "{}", kind: "SignedOut" },
    { status: 401, body: "Unauthorized", kind: "SignedOut" },
    { status: 403, body: "", kind: "SignedOut" },
    { status: 302, body: "", kind: "Unreachable" },
    { status: 500, body: user("alice"), kind: "Unreachable" },
    { status: 202, body: user("alice"), kind: "Unreachable" },
    { status: 200, body: `{"user":"${"a".repeat(600_000)}"}`, kind: "Unreachable" },
  ])("an answer of $status → $kind", async ({ status, body, kind }) => {
    const { service } = await aLoginService((_request, response) => void response.writeHead(status).end(body));
    expect((await service.ask(alice)).kind).toBe(kind);
  });

  it("asks below the base path, with the credentials it was given and nothing else", async () => {
    const seen: unknown[] = [];
    const { service } = await aLoginService(({ url, headers }, response) => {
      seen.push([url, headers.cookie, headers.authorization]);
      response.end(user("alice"));
    });
    await service.ask(alice);
    await service.ask({ cookie: "", authorization: "Bearer x" });
    expect(seen).toEqual([
      ["/s/a/oauth2/userinfo", "session=1", undefined],
      ["/s/a/oauth2/userinfo", undefined, "Bearer x"],
    ]);
  });

  it("nobody listening → Unreachable", async () => {
    const { service, close } = await aLoginService((_request, response) => void response.end());
    close();
    expect((await service.ask(alice)).kind).toBe("Unreachable");
  });

  it("asks again when the connection it kept is no more", async () => {
    const { service, server } = await aLoginService((_request, response) => void response.end(user("alice")));
    const kept = once(server, "connection") as Promise<[Socket]>;
    await service.ask(alice);
    const [socket] = await kept;
    server.prependOnceListener("request", () => socket.resetAndDestroy());
    expect((await service.ask(alice)).kind).toBe("SignedIn");
  });

  it("many requests of one session at once are one question", async () => {
    let questions = 0;
    const { service } = await aLoginService((_request, response) => {
      questions += 1;
      response.end(user("alice"));
    });
    await Promise.all(Array.from({ length: 20 }, () => service.ask(alice)));
    expect(questions).toBe(1);
  });

  it("a session that is over is noticed at the next question", async () => {
    const answers = [200, 401];
    const { service } = await aLoginService((_request, response) => {
      response.writeHead(answers.shift() ?? 500).end(user("alice"));
    });
    expect([(await service.ask(alice)).kind, (await service.ask(alice)).kind]).toEqual(["SignedIn", "SignedOut"]);
  });

  it("different credentials never share an identity", async () => {
    const { service } = await aLoginService(({ headers }, response) => void response.end(user(headers.cookie ?? "")));
    const [first, second] = await Promise.all([service.ask(alice), service.ask({ ...alice, cookie: "session=2" })]);
    expect([first, second]).toMatchObject([
      { identity: { userId: "session=1" } },
      { identity: { userId: "session=2" } },
    ]);
  });
});
