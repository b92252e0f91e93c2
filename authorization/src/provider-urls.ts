import type { ProviderMetadata } from "./provider.ts";

/** It offers a choice of accounts without advertising it, and refuses `login`. */
const GOOGLE = "https://accounts.google.com";

/**
 * The `prompt` with which a provider asks for an account even if there is a session (OpenID Connect Core, 3.1.2.1): by a
 * choice of accounts if it has one.
 */
export function promptForAccount(metadata: ProviderMetadata | undefined, issuerUrl: string | undefined): string {
  const hasChoice = metadata?.prompts?.includes("select_account") ?? issuerUrl === GOOGLE;
  return hasChoice ? "select_account" : "login";
}

/** What ends a session at the provider. */
export type EndSession = {
  readonly clientId: string;
  /** Empty if it is not known: the provider then asks for confirmation. */
  readonly idToken: string;
  /** Where the browser returns to; it must be registered with the provider. */
  readonly returnTo: string;
};

/** Where a browser ends its session at the provider (OpenID Connect RP-Initiated Logout, 2). */
export function endSessionAddress(endpoint: string, { clientId, idToken, returnTo }: EndSession): string {
  const address = new URL(endpoint);
  if (idToken !== "") address.searchParams.set("id_token_hint", idToken);
  address.searchParams.set("client_id", clientId);
  address.searchParams.set("post_logout_redirect_uri", returnTo);
  return address.href;
}
