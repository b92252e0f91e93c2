/** The kind of a manifest. Patches may have left anything there. */
export type OfKind = { readonly apiVersion?: unknown; readonly kind?: unknown };

/** Group and kind of a manifest: what is the same in all versions of an API. */
export function groupKind({ apiVersion, kind }: OfKind): string {
  const version = typeof apiVersion === "string" ? apiVersion : "";
  const group = version.includes("/") ? version.slice(0, version.indexOf("/")) : "";
  return `${group}/${typeof kind === "string" ? kind : ""}`;
}
