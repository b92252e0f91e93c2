/** Group and kind of a manifest: what is the same in all versions of an API. Patches may have left anything there. */
export function groupKind({ apiVersion, kind }: { readonly apiVersion?: unknown; readonly kind?: unknown }): string {
  const version = typeof apiVersion === "string" ? apiVersion : "";
  const group = version.includes("/") ? version.slice(0, version.indexOf("/")) : "";
  return `${group}/${typeof kind === "string" ? kind : ""}`;
}
