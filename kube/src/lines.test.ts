import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConnectionError } from "./errors.ts";
import { lines } from "./lines.ts";

async function* stream(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function read(chunks: readonly (string | Uint8Array)[], maxLineBytes?: number): Promise<string[]> {
  const found: string[] = [];
  const bytes = chunks.map((chunk) => (typeof chunk === "string" ? Buffer.from(chunk) : chunk));
  for await (const line of lines(stream(bytes), maxLineBytes)) found.push(line);
  return found;
}

describe("lines", () => {
  it.each([
    { stream: "one line a chunk", chunks: ["a\n", "b\n"], gives: ["a", "b"] },
    { stream: "several lines a chunk", chunks: ["a\nb\nc\n"], gives: ["a", "b", "c"] },
    { stream: "a line over several chunks", chunks: ["a", "b", "c\nd", "e\n"], gives: ["abc", "de"] },
    { stream: "empty lines", chunks: ["\n\na\n\n"], gives: ["a"] },
    { stream: "nothing", chunks: [], gives: [] },
  ])("a stream of $stream → $gives", async ({ chunks, gives }) => {
    expect(await read(chunks)).toEqual(gives);
  });

  it("gives the same lines wherever the stream was cut, also within a character", async () => {
    const text = '{"note":"größer – 日本"}\n{"b":2}\n';
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(Buffer.byteLength(text))), async (cuts) => {
        const bytes = Buffer.from(text);
        const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(await read(chunks)).toEqual(text.trimEnd().split("\n"));
      }),
    );
  });

  it("a stream that ends within a line is an error, not a shorter event", async () => {
    await expect(read(["a\n", '{"type":"ADD'])).rejects.toThrow(ConnectionError);
  });

  it.each([
    { line: "of exactly the limit", chunks: ["1234\n"], fails: false },
    { line: "longer than the limit, in one chunk", chunks: ["12345\n"], fails: true },
    { line: "longer than the limit, without an end", chunks: ["123", "45"], fails: true },
  ])("a line $line → error: $fails", async ({ chunks, fails }) => {
    const result = read(chunks, 4);
    if (fails) await expect(result).rejects.toThrow("longer than 4 bytes");
    else expect(await result).toEqual(["1234"]);
  });
});
