import { readFileSync } from "node:fs";
import { stringify } from "yaml";

/** Credentials of a user. */
export type Credentials =
  | { readonly kind: "Token"; readonly token: string }
  | { readonly kind: "Certificate"; readonly certificateFile: string; readonly keyFile: string };

const base64Of = (file: string): string => readFileSync(file).toString("base64");

/** Text of a self-contained kubeconfig with one context. */
export function kubeconfigText(name: string, url: string, authorityFile: string, credentials: Credentials): string {
  const user =
    credentials.kind === "Token"
      ? { token: credentials.token }
      : {
          "client-certificate-data": base64Of(credentials.certificateFile),
          "client-key-data": base64Of(credentials.keyFile),
        };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: url, "certificate-authority-data": base64Of(authorityFile) } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: "default" } }],
    "current-context": name,
  });
}
