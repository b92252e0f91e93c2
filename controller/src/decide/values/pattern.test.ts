import { describe, expect, it } from "vitest";
import { matchesAny } from "./pattern.ts";

describe("a pattern", () => {
  it.each([
    { pattern: "*", text: "registry.example.org/a/b:c", matches: true },
    { pattern: "registry.example.org/lab/**", text: "registry.example.org/lab/a/b@sha256:1", matches: true },
    { pattern: "registry.example.org/lab/*", text: "registry.example.org/lab/a:1", matches: true },
    { pattern: "registry.example.org/lab/*", text: "registry.example.org/lab/a/b", matches: false },
    { pattern: "*.example.org/**", text: "evil.org/x.example.org/a", matches: false },
    { pattern: "registry.example.org/lab/**", text: "registryXexample.org/lab/a", matches: false },
    { pattern: "team-*", text: "team-a", matches: true },
    { pattern: "team-*", text: "my-team-a", matches: false },
    { pattern: "a", text: "a\nb", matches: false },
    { pattern: "*a*b*c*", text: "a".repeat(2_000), matches: false },
    { pattern: "*a*b*c*", text: "xaxbxcx", matches: true },
    { pattern: "a/**/b*", text: "a/x/y/b", matches: true },
  ])("$pattern says of $text: $matches", ({ pattern, text, matches }) => {
    expect(matchesAny(text, [pattern])).toBe(matches);
  });
});
