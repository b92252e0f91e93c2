import { generateKeyPairSync, randomBytes } from "node:crypto";
import Provider from "oidc-provider";
import type { ProviderSettings } from "./settings.ts";

const SCOPES = ["openid", "email", "profile", "groups"];

type GrantContext = {
  readonly oidc: {
    readonly provider: Provider;
    readonly session: { readonly accountId: string };
    readonly client: { readonly clientId: string };
  };
};

/**
 * An OpenID Connect provider for one client and a few users. It keeps everything in memory: after a restart everybody
 * signs in again. All servers share the client, so it returns to any path, but on this machine only.
 */
export function createProvider(settings: ProviderSettings): Provider {
  const provider = new Provider(settings.issuerUrl, configuration(settings));
  provider.proxy = true; // an ingress controller is in front of it
  provider.Client.prototype.redirectUriAllowed = isOnThisMachine;
  return provider;
}

/** Whether browsers take the host of a URL for the machine that they run on. */
export function isOnThisMachine(url: string): boolean {
  return URL.canParse(url) && /^(.+\.)?localhost$/.test(new URL(url).hostname);
}

function configuration({ issuerUrl, clientId, clientSecret, users }: ProviderSettings): object {
  return {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [`${issuerUrl}/unused`] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
    scopes: SCOPES,
    conformIdTokenClaims: false, // the claims belong into the ID token, where the clients look first
    ttl: { AccessToken: 600, Grant: 86_400, IdToken: 600, Interaction: 600, Session: 86_400 }, // seconds
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context: unknown, { uid }: { readonly uid: string }) => `/interaction/${uid}` },
    findAccount: (_context: unknown, sub: string) => {
      const user = users[sub];
      if (user === undefined) return undefined;
      const { password: _password, ...claims } = user;
      return { accountId: sub, claims: () => ({ sub, ...claims }) };
    },
    loadExistingGrant: async ({ oidc }: GrantContext) => {
      const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
      grant.addOIDCScope(SCOPES.join(" "));
      await grant.save();
      return grant; // nobody is asked for consent
    },
  };
}

function signingKey(): object {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256" };
}
