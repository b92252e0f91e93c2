import { readFile } from "node:fs/promises";
import { createClient, type KubeClient, type KubeConfig } from "@amalthea/kube";

/** A summary has a few kilobytes for each pod; a compromised node may send without end. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * Makes clients of kubelets. A kubelet's certificate is verified whatever the kubeconfig says, and before that no request
 * is written. They present only the given token: neither a certificate nor a token of the controller's own.
 *
 * @param caFile PEM of the authorities that signed the kubelets' certificates; undefined: those of the API server.
 */
export function kubeletConnector(
  { readCa }: Pick<KubeConfig, "readCa">,
  caFile: string | undefined,
  userAgent: string,
): (server: string, token: string) => KubeClient {
  const readAuthorities = caFile === undefined ? readCa : (): Promise<string> => readFile(caFile, "utf8");
  return (server, token) => {
    const config = { server, readCa: readAuthorities, readToken: async () => token, namespace: "" };
    return createClient({ config, userAgent, maxAnswerBytes: MAX_ANSWER_BYTES });
  };
}
