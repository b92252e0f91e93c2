import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { BoundedDocument } from "./bounded-document.ts";
import { PatchRefused } from "./bounds.ts";

/** A case of the public test suite of RFC 6902 (npm: json-patch-test-suite). */
type Case = {
  readonly comment?: string;
  readonly doc: unknown;
  readonly patch: readonly Record<string, unknown>[];
  readonly expected?: unknown;
  readonly error?: string;
};

const require = createRequire(import.meta.url);
const cases = [
  ...(require("json-patch-test-suite/spec_tests.json") as readonly Case[]),
  ...(require("json-patch-test-suite/tests.json") as readonly Case[]),
];

function patched({ doc, patch }: Case): unknown {
  const document = new BoundedDocument(doc);
  for (const operation of patch) document.applyOperation(operation);
  return document.root;
}

/** About two members of one name, which no parser of JavaScript tells. */
const UNTESTABLE = "duplicate ops";
const failing = cases.filter(({ error, comment }) => error !== undefined && comment !== UNTESTABLE);
const succeeding = cases.filter(({ error }) => error === undefined);
const titled = (list: readonly Case[]): readonly (readonly [string, Case])[] =>
  list.map((one) => [one.comment ?? JSON.stringify(one.patch), one]);

// Those that the suite calls disabled run as well, but for one.
describe("a JSON patch", () => {
  it.each(titled(succeeding))("gives what the public test suite expects: %s", (_title, one) => {
    const result = patched(one);
    if (one.expected !== undefined) expect(result).toEqual(one.expected);
  });

  it.each(titled(failing))("fails where the public test suite expects it: %s", (_title, one) => {
    expect(() => patched(one)).toThrow(PatchRefused);
  });
});
