/** Names below a prefix. */
export function below(prefix: string, ...names: readonly string[]): readonly string[] {
  return names.map((name) => `${prefix}/${name}`);
}

/**
 * Annotations by which an object of whatever kind takes a name in the DNS, or requests: a Service without an address of its
 * own stands for its pods there, and so do pods by themselves. From the documentation of external-dns, kOps, Emissary and
 * Tailscale.
 */
export const SHARED_DENIED_ANNOTATIONS: readonly string[] = [
  ...below("external-dns.alpha.kubernetes.io", "*hostname*", "target", "set-identifier"),
  ...below("dns.alpha.kubernetes.io", "*"),
  ...below("getambassador.io", "*"),
  ...below("tailscale.com", "*"),
];
