import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { describe, expect, it } from "vitest";
import { freePort, isPortFree } from "./free-port.ts";

const RANGE = "/proc/sys/net/ipv4/ip_local_port_range";

describe("freePort", () => {
  it("gives every caller another port", async () => {
    const ports = await Promise.all(Array.from({ length: 200 }, freePort));
    expect(new Set(ports).size).toBe(200);
  });

  it("gives none that another process was given, though nothing listens there yet", async () => {
    const source = `
      import { freePort } from "${new URL("free-port.ts", import.meta.url).href}";
      console.log(JSON.stringify(await Promise.all(Array.from({ length: 500 }, freePort))));
      process.stdin.resume();`;
    const other = spawn(process.execPath, ["--input-type=module", "--eval", source], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [line] = (await once(createInterface(other.stdout), "line")) as [string];
    const theirs = new Set(JSON.parse(line) as number[]);
    const ours = await Promise.all(Array.from({ length: 200 }, freePort));
    other.kill();
    expect(ours.filter((port) => theirs.has(port))).toEqual([]);
  });

  it.runIf(existsSync(RANGE))("gives none that the kernel may give to an outgoing connection", async () => {
    const [first = 0] = readFileSync(RANGE, "utf8").trim().split(/\s+/).map(Number);
    const ports = await Promise.all(Array.from({ length: 50 }, freePort));
    expect(ports.filter((port) => port >= first)).toEqual([]);
  });
});

describe("isPortFree", () => {
  it("tells a port on which somebody listens from one on which nobody does", async () => {
    const port = await freePort();
    expect(await isPortFree(port)).toBe(true);
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    expect(await isPortFree(port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
  });
});
