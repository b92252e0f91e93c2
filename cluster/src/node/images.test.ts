import { describe, expect, it } from "vitest";
import { localReference } from "./images.ts";

describe("localReference", () => {
  it.each([
    ["alpine", "library/alpine:latest"],
    ["docker.io/alpine:3", "library/alpine:3"],
    ["jupyter/minimal-notebook", "jupyter/minimal-notebook:latest"],
    ["docker.io/jupyter/minimal-notebook:latest", "jupyter/minimal-notebook:latest"],
    ["quay.io/a/b/c:1.2", "a/b/c:1.2"],
    ["registry.k8s.io/pause:3.10", "pause:3.10"],
    ["localhost:5000/mine", "mine:latest"],
  ])("of %s is %s", (reference, local) => {
    expect(localReference(reference)).toBe(local);
  });

  it("refuses a digest, which a copy need not keep", () => {
    expect(() => localReference(`a/b@sha256:${"0".repeat(64)}`)).toThrow("by a tag, not by a digest");
  });
});
