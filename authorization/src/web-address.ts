/** Whether a text is an address of the web. */
export function isWebAddress(text: unknown): text is string {
  return typeof text === "string" && /^https?:$/.test(URL.parse(text)?.protocol ?? "");
}

/** Where a provider has its metadata (OpenID Connect Discovery, 4). */
export function metadataAddress(issuerUrl: string): string {
  return `${issuerUrl.replace(/\/$/, "")}/.well-known/openid-configuration`;
}
