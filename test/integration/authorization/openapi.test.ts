import { readFile } from "node:fs/promises";
import { REFUSAL_STATUS, ROUTES, WEBSOCKET_PREFIX } from "@amalthea/authorization";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { startChain, type Chain } from "./chain.ts";

type Operation = { readonly responses: Readonly<Record<string, unknown>> };
type Document = {
  readonly paths: Readonly<Record<string, { readonly get: Operation }>>;
  readonly components: {
    readonly schemas: {
      readonly Refusal: { readonly properties: { readonly error: { readonly enum: readonly string[] } } };
    };
  };
};

const text = await readFile(new URL("../../../authorization/openapi.yaml", import.meta.url), "utf8");
const document = parse(text) as Document; // the tests below check what they use

describe("openapi.yaml", () => {
  let chain: Chain;

  beforeAll(async () => {
    chain = await startChain({ basePath: "/", accounts: {}, criteria: {} });
  });
  afterAll(() => chain.close());

  it("has every route of the service and no other", () => {
    const routes = [...Object.keys(ROUTES), "/error/{status}", `${WEBSOCKET_PREFIX}/{path}`];
    expect(Object.keys(document.paths).sort()).toEqual(routes.sort());
  });

  it("has every reason for a refusal and no other, and its status", () => {
    expect([...document.components.schemas.Refusal.properties.error.enum].sort()).toEqual(
      Object.keys(REFUSAL_STATUS).sort(),
    );
    const statuses = new Set(["302", ...Object.values(REFUSAL_STATUS).map(String)]);
    const documented = Object.keys(document.paths["/authorize"]?.get.responses ?? {});
    expect(documented.filter((status) => status !== "200").sort()).toEqual([...statuses].sort());
  });

  it.each(Object.keys(document.paths))("%s answers a status that is documented", async (path) => {
    const url = path.replace("{status}", "502").replace("{path}", "api");
    const { status } = await fetch(`http://127.0.0.1:${chain.ports.authorization}${url}`, { redirect: "manual" });
    expect(Object.keys(document.paths[path]?.get.responses ?? {})).toContain(String(status));
  });

  it("what it does not name is not there", async () => {
    const { status } = await fetch(`http://127.0.0.1:${chain.ports.authorization}/constructor`);
    expect(status).toBe(404);
  });
});
