import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hashOfInputs, isPackage, uncompiledIn } from "./build.ts";

describe("hashOfInputs", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "amalthea-hash-"));
    mkdirSync(join(folder, "program"));
    writeFileSync(join(folder, "go.mod"), "module a");
    writeFileSync(join(folder, "program", "main.go"), "package main");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("stays the same while nothing changes", () => {
    expect(hashOfInputs(folder, ["flag"])).toBe(hashOfInputs(folder, ["flag"]));
  });

  it.each([
    { change: "a source", apply: () => writeFileSync(join(folder, "program", "main.go"), "package main // 2") },
    { change: "a file name", apply: () => renameSync(join(folder, "program"), join(folder, "other")) },
    { change: "the list of files", apply: () => writeFileSync(join(folder, "go.sum"), "") },
  ])("changes with $change", ({ apply }) => {
    const before = hashOfInputs(folder, ["flag"]);
    apply();
    expect(hashOfInputs(folder, ["flag"])).not.toBe(before);
  });

  it("changes with the way it is built", () => {
    expect(hashOfInputs(folder, ["other flag"])).not.toBe(hashOfInputs(folder, ["flag"]));
  });
});

describe("the progress of a compilation", () => {
  it("counts packages that have to be compiled, and not those that have only to be linked", () => {
    const reasons = "build ID mismatch\nstale dependency: internal/cpu\n\nnot installed but available in build cache\n";
    expect(uncompiledIn(reasons)).toBe(2);
  });

  it.each([
    ["k8s.io/api/core/v1", true],
    ["github.com/oauth2-proxy/oauth2-proxy/v7", true],
    ["errors", true],
    ["go: downloading k8s.io/api v0.35.4", false],
    ["# k8s.io/api", false],
    ["./main.go:3:1: syntax error", false],
  ])("takes %j for a package: %s", (line, isOne) => {
    expect(isPackage(line)).toBe(isOne);
  });
});
