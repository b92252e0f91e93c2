/** Group and kind of a manifest: what stays the same over the versions of an API. */
export function groupKind({ apiVersion, kind }: { readonly apiVersion?: unknown; readonly kind?: unknown }): string {
  const version = String(apiVersion);
  const group = version.includes("/") ? version.slice(0, version.indexOf("/")) : "";
  return `${group}/${String(kind)}`;
}
