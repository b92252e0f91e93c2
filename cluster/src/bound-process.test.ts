import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { waitUntil } from "./wait.ts";

const moduleUrl = new URL("bound-process.ts", import.meta.url).href;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const how = ["spawnReaped", ...(process.platform === "linux" ? ["spawnBound"] : [])];

describe.each(how)("a process of %s", (name) => {
  it("ends when the process that started it is killed", async () => {
    const source = `
      import { ${name} as start } from "${moduleUrl}";
      const ended = start(["true"], {});
      ended.once("exit", () => {
        const stdio = ["ignore", "inherit", "inherit"];
        start(["sh", "-c", "echo pid $$; exec sleep 600"], { stdio });
        console.log("started");
        setInterval(() => {}, 1000);
      });`;
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", source], {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      stdio: ["ignore", "pipe", "inherit"],
    });
    // It is bound when it runs itself, and when the call that started it has returned.
    const lines: string[] = [];
    createInterface(parent.stdout).on("line", (line) => lines.push(line));
    await waitUntil(() => lines.length === 2, { what: "the process to start", timeoutSeconds: 100 });
    const pid = Number(lines.find((line) => line.startsWith("pid "))?.slice("pid ".length));
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await waitUntil(() => !isAlive(pid), { what: "the process to end", timeoutSeconds: 100 });
  });

  it("lets a process end that has nothing else to do", async () => {
    const source = `import { ${name} as start } from "${moduleUrl}"; start(["true"], {});`;
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", source], { stdio: "inherit" });
    expect(await once(parent, "exit")).toEqual([0, null]);
  });
});
