import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { authorizationService } from "../../images/authorization/program.ts";
import { controllerService } from "../../images/controller/program.ts";
import { lockedVersions } from "./locked-versions.ts";
import { environmentOf, startOf } from "../../images/src/node-service.ts";

type Instruction = readonly [name: string, rest: string];

const read = (name: string): readonly Instruction[] =>
  readFileSync(join(import.meta.dirname, "../../images", name, "Containerfile"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => [line.split(" ", 1)[0] ?? "", line.slice(line.indexOf(" ") + 1)]);

const valuesOf = (instructions: readonly Instruction[], name: string): readonly string[] =>
  instructions.filter(([each]) => each === name).map(([, rest]) => rest);

describe.each([
  ["controller", controllerService],
  ["authorization", authorizationService],
])("the Containerfile of the %s", (name, service) => {
  const instructions = read(name);
  const stages = instructions.findLastIndex(([each]) => each === "FROM");
  const final = instructions.slice(stages);

  it("starts the container as the image that we build does", () => {
    const { User, WorkingDir, Entrypoint } = startOf(service);
    expect(valuesOf(final, "USER")).toEqual([User]);
    expect(valuesOf(final, "WORKDIR")).toEqual([WorkingDir]);
    expect(valuesOf(final, "ENTRYPOINT").map((text) => JSON.parse(text) as unknown)).toEqual([Entrypoint]);
    expect(valuesOf(final, "ENV").flatMap((text) => text.split(" "))).toEqual(environmentOf(service));
    expect(valuesOf(final, "CMD")).toEqual([]);
  });

  it("holds the same bundle and nothing else of ours", () => {
    expect(valuesOf(instructions, "RUN")).toContain(`node images/src/bundle.ts ${name} /app`);
    expect(valuesOf(final, "COPY")).toEqual(["--from=build /app /app"]);
  });

  it("starts from the Node.js that the lock file names", () => {
    const node = lockedVersions().find((locked) => locked.ecosystem === "npm" && locked.name === "node");
    expect(valuesOf(instructions, "ARG")).toEqual([`NODE_IMAGE=docker.io/library/node:${node?.version}-bookworm-slim`]);
    expect(valuesOf(instructions, "FROM")).toEqual(["${NODE_IMAGE} AS build", "${NODE_IMAGE}"]);
  });
});
