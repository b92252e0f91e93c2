import { describe, expect, it } from "vitest";
import { serveHttp } from "./http-server.ts";

describe("serveHttp", () => {
  it("answers its paths, 404 for others, and 500 without details if a path fails", async () => {
    const server = await serveHttp(0, {
      "/ok": () => ({ code: 200, body: "ok\n" }),
      "/broken": () => {
        throw new Error("token=secret");
      },
    });
    const answer = async (path: string): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
      return `${response.status} ${(await response.text()).trim()}`;
    };
    try {
      expect(await answer("/ok?verbose")).toBe("200 ok");
      expect(await answer("/other")).toBe("404 not found");
      expect(await answer("/broken")).toBe("500 internal error");
    } finally {
      await server.close();
    }
  });

  it("says that a port is taken", async () => {
    const first = await serveHttp(0, {});
    await expect(serveHttp(first.port, {})).rejects.toThrow("EADDRINUSE");
    await first.close();
  });
});
