import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { KeysUnavailable, ProviderKeys, type GetJson } from "./provider-keys.ts";

const ISSUER = "https://login.example";
const METADATA = `${ISSUER}/.well-known/openid-configuration`;
const MINUTE = 60_000;

type World = { readonly keys: ProviderKeys; readonly asked: string[]; readonly clock: { ms: number } };

let keyA: JWK;
let keyB: JWK;

beforeAll(async () => {
  [keyA, keyB] = await Promise.all([newKey("a"), newKey("b")]);
});

async function newKey(kid: string): Promise<JWK> {
  const { publicKey } = await generateKeyPair("ES256");
  return { ...(await exportJWK(publicKey)), kid, alg: "ES256" };
}

/** Keys of a provider whose documents can be changed. */
function aWorld(documents: Record<string, unknown>, jwksUrl?: string): World {
  const asked: string[] = [];
  const clock = { ms: 0 };
  const getJson: GetJson = (url) => {
    asked.push(url);
    return url in documents ? Promise.resolve(documents[url]) : Promise.reject(new Error(`${url} answered 500`));
  };
  const keys = new ProviderKeys(
    { issuerUrl: ISSUER, jwksUrl },
    getJson,
    () => clock.ms,
    () => {},
  );
  return { keys, asked, clock };
}

function discovered(keys: readonly JWK[]): Record<string, unknown> {
  return { [METADATA]: { issuer: ISSUER, jwks_uri: "https://k" }, "https://k": { keys } };
}

/** Whether a token that names this key could be checked. */
async function finds({ keys }: World, kid: string, alg = "ES256"): Promise<boolean> {
  const header: JWTHeaderParameters = { alg, kid };
  try {
    await keys.find(header, { payload: "", signature: "" });
    return true;
  } catch (error) {
    if (error instanceof KeysUnavailable) throw error;
    return false;
  }
}

describe("ProviderKeys", () => {
  it("are where the provider's metadata says, and asked for once", async () => {
    const world = aWorld(discovered([keyA]));
    expect(await Promise.all([finds(world, "a"), finds(world, "a")])).toEqual([true, true]);
    expect(await finds(world, "a")).toBe(true);
    expect(world.asked).toEqual([METADATA, "https://k"]);
  });

  it("are where the spec says, without discovery", async () => {
    const world = aWorld({ "https://inside": { keys: [keyA] } }, "https://inside");
    expect(await finds(world, "a")).toBe(true);
    expect(world.asked).toEqual(["https://inside"]);
  });

  it("include a new one as soon as a token names it", async () => {
    const documents = discovered([keyA]);
    const world = aWorld(documents);
    await finds(world, "a");
    documents["https://k"] = { keys: [keyA, keyB] };
    world.clock.ms += MINUTE;
    expect(await finds(world, "b")).toBe(true);
  });

  it("lack one that was withdrawn, after ten minutes", async () => {
    const documents = discovered([keyA, keyB]);
    const world = aWorld(documents);
    await finds(world, "a");
    documents["https://k"] = { keys: [keyB] };
    world.clock.ms += 10 * MINUTE + 1;
    expect(await finds(world, "a")).toBe(false);
  });

  it("are asked for every ten seconds at most, however many keys are made up", async () => {
    const world = aWorld(discovered([keyA]));
    for (let second = 0; second < 60; second += 1) {
      await Promise.all([1, 2, 3].map((n) => finds(world, `made up ${second}.${n}`)));
      world.clock.ms += 1000;
    }
    expect(world.asked.length / 2).toBeLessThanOrEqual(6);
    expect(await finds(world, "a")).toBe(true);
  });

  it("are asked for every ten seconds at most while the provider does not answer, and found when it does", async () => {
    const documents: Record<string, unknown> = {};
    const world = aWorld(documents);
    await expect(finds(world, "a")).rejects.toThrow(KeysUnavailable);
    await expect(finds(world, "a")).rejects.toThrow("answered 500");
    expect(world.asked).toHaveLength(1);
    Object.assign(documents, discovered([keyA]));
    world.clock.ms += 10_000;
    expect(await finds(world, "a")).toBe(true);
  });

  it("serve for a day while the provider does not answer, and no longer", async () => {
    const documents = discovered([keyA]);
    const world = aWorld(documents);
    await finds(world, "a");
    delete documents["https://k"];
    world.clock.ms = 23 * 60 * MINUTE;
    expect(await finds(world, "a")).toBe(true);
    world.clock.ms = 25 * 60 * MINUTE;
    await expect(finds(world, "a")).rejects.toThrow(KeysUnavailable);
  });

  it.each([
    { provider: "that calls itself otherwise", metadata: { issuer: `${ISSUER}/`, jwks_uri: "https://k" } },
    { provider: "that names no keys", metadata: { issuer: ISSUER } },
    { provider: "whose keys are a file", metadata: { issuer: ISSUER, jwks_uri: "file:///etc/passwd" } },
    { provider: "that says nothing", metadata: null },
  ])("of a provider $provider are not taken", async ({ metadata }) => {
    const world = aWorld({ ...discovered([keyA]), [METADATA]: metadata });
    await expect(finds(world, "a")).rejects.toThrow(KeysUnavailable);
  });

  it.each([null, [], { keys: {} }, { keys: [1] }, { keys: Array.from({ length: 101 }, () => ({ kty: "EC" })) }])(
    "are none in %j",
    async (document) => {
      const world = aWorld({ ...discovered([]), "https://k": document });
      await expect(finds(world, "a")).rejects.toThrow(KeysUnavailable);
    },
  );
});
