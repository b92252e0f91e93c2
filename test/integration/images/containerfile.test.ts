import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const repository = fileURLToPath(new URL("../../..", import.meta.url));

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "amalthea-containerfile-"))));
afterAll(() => rmSync(folder, { recursive: true }));

/** What `COPY . .` brings. */
function copyRepository(to: string): void {
  const leftOut = readFileSync(join(repository, ".dockerignore"), "utf8").trim().split("\n");
  cpSync(repository, to, {
    recursive: true,
    filter: (file) => !leftOut.some((name) => `/${relative(repository, file)}`.endsWith(name.replace("**", ""))),
  });
}

/** Without what npm tells the programs that it starts, which another npm would take for its own options. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) && name !== "NODE_ENV"),
);

describe.each(["controller", "authorization"])("the Containerfile of the %s", (name) => {
  it("installs all that the bundle needs, and makes the one that starts in our image", async () => {
    const [source, app, ours] = ["source", "app", "ours"].map((part) => join(folder, name, part)) as [
      string,
      string,
      string,
    ];
    copyRepository(source);
    const lines = readFileSync(join(source, "images", name, "Containerfile"), "utf8").split("\n");
    for (const line of lines.filter((each) => each.startsWith("RUN "))) {
      const command = line.slice("RUN ".length).replace("/app", app);
      await promisify(execFile)("sh", ["-c", command], { cwd: source, env: environment });
    }
    await promisify(execFile)(process.execPath, [join(repository, "images/src/bundle.ts"), name, ours]);
    const [theirBundle, ourBundle] = [app, ours].map((each) => readFileSync(join(each, "main.cjs"), "utf8"));
    expect(theirBundle).toBe(ourBundle);
  });
});
