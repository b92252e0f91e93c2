import { ANNOTATIONS, childName, LABELS, SECRET_KEYS } from "@amalthea/api";
import type { GeneratedKey, SecretManifest } from "../decision.ts";
import { contentHash } from "../values/hash.ts";
import { objectOf, texts, type JsonObject } from "../values/json.ts";
import { isOidc, type ChildContext } from "./child-context.ts";
import { withAnnotation, withMetadata, type Owner } from "./desired-child.ts";

/**
 * The Secret as patches see it. A key whose value is null is generated when the Secret is created; values from the spec
 * are clear text under `stringData`.
 */
export function secret({ server }: Pick<ChildContext, "server">): JsonObject {
  const { token, tokenSecretRef, oidc } = server.spec.auth;
  const clientSecret = isOidc(server) ? oidc.clientSecret?.value?.replace(/[\r\n]+$/, "") : undefined; // as a file ends
  const isTokenGenerated = token === undefined && tokenSecretRef === undefined;
  const generated = [
    ...(isTokenGenerated ? [SECRET_KEYS.token] : []),
    SECRET_KEYS.cookieSecret,
    ...(isOidc(server) ? [SECRET_KEYS.oauth2ProxyCookieSecret, SECRET_KEYS.activityKey] : []),
  ];
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: childName(server) },
    type: "Opaque",
    data: Object.fromEntries(generated.map((key) => [key, null])),
    stringData: {
      ...(token === undefined ? {} : { [SECRET_KEYS.token]: token }),
      ...(clientSecret === undefined ? {} : { [SECRET_KEYS.oidcClientSecret]: clientSecret }),
    },
  };
}

/** One hash for all Secrets of the server: they are not watched, so they are read and written together. */
export function secretManifests(context: Owner, secrets: readonly [string, JsonObject][]): readonly SecretManifest[] {
  const hash = contentHash(secrets.map(([key, { data, stringData }]) => [key, data, stringData]));
  return secrets
    .toSorted(([a], [b]) => Number(a === "secret") - Number(b === "secret"))
    .map(([key, child]) => secretManifest(context, key, child, hash));
}

function secretManifest(context: Owner, childKey: string, child: JsonObject, hash: string): SecretManifest {
  const { data, stringData, ...rest } = child;
  const given = texts(stringData);
  const encoded = texts(data);
  const generated = Object.entries(objectOf(data))
    .filter(([key, value]) => value === null && !Object.hasOwn(given, key))
    .map(([key]): GeneratedKey => ({
      key,
      encoding: key === SECRET_KEYS.oauth2ProxyCookieSecret ? "base64url" : "hex",
    }));
  const body = Object.keys(encoded).length === 0 ? rest : { ...rest, data: encoded };
  const manifest = withAnnotation(withMetadata(context, childKey, body, true), ANNOTATIONS.contentHash, hash);
  const secretOf = { given, generated, contentHash: hash };
  if (childKey === "secret") return { manifest, ...secretOf };
  const patchedHash = contentHash([data, stringData]);
  return { manifest: withAnnotation(manifest, ANNOTATIONS.patchedHash, patchedHash), ...secretOf, patchedHash };
}

/** Keys that the server's own Secret must have for the pod to start. */
export function requiredSecretKeys({ given, generated, manifest }: SecretManifest): readonly string[] {
  return [...Object.keys(given), ...generated.map(({ key }) => key), ...Object.keys(objectOf(manifest["data"]))];
}

/** Whether a Secret is the server's own, rather than one that a patch added. */
export function isOwnSecret({ manifest }: SecretManifest): boolean {
  return manifest.metadata.labels[LABELS.childKey] === "secret";
}
