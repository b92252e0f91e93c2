import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, type JWK, type JWTPayload } from "jose";
import Provider from "oidc-provider";

/** A person the provider knows; other claims are given out as they are. */
export type Account = {
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly groups?: readonly string[];
};

export type IdentityProvider = {
  readonly issuerUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Nothing of this person is renewed any more, as if they were disabled. */
  readonly disable: (account: string) => void;
  /** Says something else of this person from now on, also when it renews. */
  readonly change: (account: string, claims: Account) => void;
  /** Answers every renewal with 503 until it is told otherwise. */
  readonly setAvailable: (isAvailable: boolean) => void;
  /** Answers at a path in place of the provider, from now on. */
  readonly answerAt: (path: string, answer: (response: ServerResponse) => unknown) => void;
  /** Signs a token with the provider's key, whatever it says. @param header Besides the algorithm and the key's name. */
  readonly sign: (claims: JWTPayload, header?: object) => Promise<string>;
  /** How often a path was asked for. */
  readonly asked: (path: string) => number;
  readonly close: () => Promise<void>;
};

/** Names the account to sign in as, in place of a login form. */
export const ACCOUNT_HEADER = "x-test-account";

/** Where a provider listens, the secret of its client, and what differs between providers. */
export type ProviderOptions = {
  readonly address?: string;
  readonly clientSecret?: string;
  /** It has no scope for groups, and gives them to everybody, as Keycloak does. */
  readonly hasNoGroupsScope?: boolean;
  /** The only scopes that it lets the client ask for; it refuses a login that asks for others. */
  readonly clientScope?: string;
  /** It gives refresh tokens, each of which is good for one renewal. */
  readonly hasRefreshTokens?: boolean;
  /** It puts no claim into the ID token that UserInfo has. */
  readonly hasClaimsInUserInfo?: boolean;
  /** How long access tokens and ID tokens are valid; default 600. */
  readonly accessTokenSeconds?: number;
};

/** Starts a real OpenID Connect provider for one client: on loopback, with a random secret, unless the options say else. */
export async function startIdentityProvider(
  accounts: Readonly<Record<string, Account>>,
  redirectUri: string,
  options: ProviderOptions = {},
): Promise<IdentityProvider> {
  const { address = "127.0.0.1", clientSecret = randomBytes(16).toString("hex") } = options;
  const server = createServer();
  server.listen(0, address);
  await once(server, "listening");
  const issuerUrl = `http://${address}:${(server.address() as AddressInfo).port}`; // it listens on TCP
  const client = { clientId: "jupyter", clientSecret };
  const known = { ...accounts };
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const key: JWK = { ...(await exportJWK(privateKey)), kid: "test", alg: "RS256", use: "sig" };
  const provider = new Provider(issuerUrl, configuration(known, client, redirectUri, options, key));
  const answer = provider.callback();
  let isAvailable = true;
  const asked = new Map<string, number>();
  const otherAnswers = new Map<string, (response: ServerResponse) => unknown>();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "";
    asked.set(path, (asked.get(path) ?? 0) + 1);
    const otherAnswer = otherAnswers.get(path);
    if (otherAnswer !== undefined) return void otherAnswer(response);
    if (!isAvailable) return void response.writeHead(503).end();
    const account = String(request.headers[ACCOUNT_HEADER] ?? "");
    const answered = request.url?.startsWith("/interaction/")
      ? provider.interactionFinished(request, response, { login: { accountId: account } })
      : answer(request, response);
    answered.catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
  const sign: IdentityProvider["sign"] = (claims, header) =>
    new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "test", ...header }).sign(privateKey);
  return {
    issuerUrl,
    ...client,
    disable: (account) => void delete known[account],
    change: (account, claims) => void (known[account] = claims),
    setAvailable: (available) => (isAvailable = available),
    answerAt: (path, other) => void otherAnswers.set(path, other),
    sign,
    asked: (path) => asked.get(path) ?? 0,
    close,
  };
}

type GrantContext = {
  readonly oidc: {
    readonly provider: Provider;
    readonly session: { readonly accountId: string };
    readonly client: { readonly clientId: string };
  };
};

function configuration(
  accounts: Readonly<Record<string, Account>>,
  client: { readonly clientId: string; readonly clientSecret: string },
  redirectUri: string,
  {
    hasNoGroupsScope = false,
    clientScope,
    hasRefreshTokens = false,
    accessTokenSeconds = 600,
    hasClaimsInUserInfo = false,
  }: ProviderOptions,
  key: JWK,
): object {
  const ofClient = {
    client_id: client.clientId,
    client_secret: client.clientSecret,
    redirect_uris: [redirectUri],
    post_logout_redirect_uris: [redirectUri.replace(/callback$/, "signed-out")],
    grant_types: ["authorization_code", ...(hasRefreshTokens ? ["refresh_token"] : [])],
  };
  const groups = hasNoGroupsScope ? { openid: ["sub", "groups"] } : { openid: ["sub"], groups: ["groups"] };
  return {
    jwks: { keys: [key] },
    clients: [{ ...ofClient, ...(clientScope === undefined ? {} : { scope: clientScope }) }],
    claims: { email: ["email", "email_verified"], ...groups },
    scopes: ["openid", "email", "profile", ...(hasNoGroupsScope ? [] : ["groups"])],
    issueRefreshToken: () => hasRefreshTokens,
    rotateRefreshToken: true,
    conformIdTokenClaims: hasClaimsInUserInfo,
    ttl: {
      AccessToken: accessTokenSeconds,
      Grant: 3600,
      IdToken: accessTokenSeconds,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context: unknown, { uid }: { readonly uid: string }) => `/interaction/${uid}` },
    findAccount: (_context: unknown, sub: string) =>
      accounts[sub] === undefined ? undefined : { accountId: sub, claims: () => ({ sub, ...accounts[sub] }) },
    loadExistingGrant: async ({ oidc }: GrantContext) => {
      const { clientId } = oidc.client;
      const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId });
      grant.addOIDCScope("openid email profile groups");
      await grant.save();
      return grant; // everybody consents
    },
  };
}
