import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import GitHubSlugger from "github-slugger";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = globSync("**/*.md", { cwd: root, exclude: ["**/node_modules/**"] });

const BLOCK = /^( *)```(\w*)[^\n]*\n([^]*?)^ *```$/gm;

function textOf(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

function withoutCode(page: string): string {
  return textOf(page)
    .replaceAll(BLOCK, "")
    .replaceAll(/`[^`]*`/g, "``");
}

/** What may follow `#` in a link to a page, as GitHub names its headings. */
function anchorsOf(page: string): ReadonlySet<string> {
  const slugger = new GitHubSlugger();
  const text = textOf(page).replaceAll(BLOCK, "");
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => slugger.slug(linkless(heading))));
}

function linkless(heading: string): string {
  return heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "");
}

/** Links of a page that lead nowhere. Those to other sites are left alone. */
function brokenLinksOf(page: string): readonly string[] {
  const targets = [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(page, target))
    .map((target) => `${page}: ${target}`);
}

function leadsSomewhere(from: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const page = path === "" ? from : join(dirname(from), path);
  if (!existsSync(join(root, page))) return false;
  return anchor === undefined || anchorsOf(page).has(anchor);
}

describe("the documents", () => {
  it("have links that lead to a page and a heading", () => {
    expect(pages.length).toBeGreaterThan(30);
    expect(pages.flatMap(brokenLinksOf)).toEqual([]);
  });

  it("have examples that are YAML", () => {
    const blocks = pages.flatMap((page) =>
      [...textOf(page).matchAll(BLOCK)]
        .filter(([, , language = ""]) => /^ya?ml$/.test(language))
        .map(([, indent = "", , yaml = ""]) => ({ page, yaml: yaml.replaceAll(new RegExp(`^${indent}`, "gm"), "") })),
    );
    expect(blocks.length).toBeGreaterThan(10);
    const errors = blocks.flatMap(({ page, yaml }) =>
      parseAllDocuments(yaml).flatMap((document) => document.errors.map(({ message }) => `${page}: ${message}`)),
    );
    expect(errors).toEqual([]);
  });
});
