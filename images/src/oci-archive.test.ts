import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fullName, writeOciLayout } from "./oci-archive.ts";

describe("fullName", () => {
  it.each([
    { reference: "traefik:v3.7.15", full: "docker.io/library/traefik:v3.7.15" },
    { reference: "jupyter/minimal-notebook:latest", full: "docker.io/jupyter/minimal-notebook:latest" },
    { reference: "quay.io/some/image:v1", full: "quay.io/some/image:v1" },
    { reference: "registry:5000/image:v1", full: "registry:5000/image:v1" },
    { reference: "localhost/image:v1", full: "localhost/image:v1" },
  ])("$reference is $full", ({ reference, full }) => {
    expect(fullName(reference)).toBe(full);
  });
});

describe("writeOciLayout", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "oci-layout-"));
  });
  afterEach(async () => rm(folder, { recursive: true }));

  async function layout(name: string): Promise<string> {
    const layer = join(folder, "layer.tar");
    await writeFile(layer, "content of a layer");
    const image = { reference: "some/image:v1", layers: [layer], config: { User: "1000" } };
    return writeOciLayout(image, join(folder, name));
  }

  async function blob(digest: string): Promise<Buffer> {
    const [algorithm = "", hex = ""] = digest.split(":");
    const content = await readFile(join(folder, "image", "blobs", algorithm, hex));
    expect(createHash(algorithm).update(content).digest("hex")).toBe(hex);
    return content;
  }

  it("leads from the index over manifest and configuration to the layers, each named by its content", async () => {
    const digest = await layout("image");
    const index = JSON.parse(await readFile(join(folder, "image", "index.json"), "utf8"));
    expect(index.manifests).toMatchObject([{ digest }]);
    const manifest = JSON.parse((await blob(digest)).toString());
    const config = JSON.parse((await blob(manifest.config.digest)).toString());
    expect(config).toMatchObject({ os: "linux", config: { User: "1000" } });
    expect(config.rootfs.diff_ids).toEqual([manifest.layers[0].digest]);
    expect((await blob(manifest.layers[0].digest)).toString()).toBe("content of a layer");
    expect(manifest.layers[0].size).toBe("content of a layer".length);
  });

  it("gives the same digest for the same content", async () => {
    expect(await layout("again")).toBe(await layout("image"));
  });
});
