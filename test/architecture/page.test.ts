import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => !path.includes("node_modules"));

/** The words in backquotes that are paths, with `a/{b,c}.ts` as two. */
const paths = [...page.matchAll(/`(?:… )?([^`\s]+)`/g)]
  .map(([, word = ""]) => word)
  .filter((word) => /[a-z]\.(ts|js|yaml|tpl)$|\/$/.test(word))
  .flatMap((word) => {
    const [all, choices] = /\{([^}]*)\}/.exec(word) ?? [];
    return all === undefined ? [word] : (choices ?? "").split(",").map((choice) => word.replace(all, choice));
  });

/** `decide/` and its neighbours stand for those of the controller, `patch/` for the room of that name, a file for its name. */
function isThere(path: string): boolean {
  const places = ["", "controller/src/", "controller/src/decide/", "controller/src/decide/status/", "api/src/"];
  if (places.some((place) => existsSync(join(root, place, path)))) return true;
  return (
    !path.includes("/") &&
    files.some((file) => file.endsWith(`/${path.replace("*", "")}`) || file.endsWith(path.replace("*", "")))
  );
}

describe("ARCHITECTURE.md", () => {
  it("names places that are there", () => {
    expect(paths.length).toBeGreaterThan(50);
    expect(paths.filter((path) => !isThere(path))).toEqual([]);
  });
});
