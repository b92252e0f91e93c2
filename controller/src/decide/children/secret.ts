import { childName, SECRET_KEYS } from "@amalthea/api";
import type { JsonObject } from "../values/json.ts";
import { isOidc, type ChildContext } from "./child-context.ts";

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
