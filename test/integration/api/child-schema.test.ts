import { readFileSync, writeFileSync } from "node:fs";
import { type ControlPlane, startControlPlane } from "@amalthea/cluster";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { childSchemaText, OPEN_API_PATHS, type OpenApiDocument } from "../../../scripts/child-schema.ts";
import { clientOf, forever } from "../kube/fixture.ts";

const FILE = new URL("../../../controller/src/decide/values/child-schema.json", import.meta.url);

let cluster: ControlPlane;

beforeAll(async () => {
  cluster = await startControlPlane();
});
afterAll(async () => await cluster?.stop());

describe("the schema that children are compared by", () => {
  it("is what the API server of Kubernetes 1.35 serves; UPDATE_CASES=1 writes it there", async () => {
    const client = clientOf(cluster);
    const texts = await Promise.all(OPEN_API_PATHS.map((path) => client.getText(`/openapi/v3/${path}`, forever)));
    const text = childSchemaText(texts.map((served) => JSON.parse(served) as OpenApiDocument));
    if (process.env["UPDATE_CASES"] === "1") writeFileSync(FILE, text);
    expect(readFileSync(FILE, "utf8")).toBe(text);
  });
});
