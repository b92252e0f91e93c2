import { defineKind, type KubeClient, type KubeObject, type ObjectRef } from "@amalthea/kube";
import { parseQuantity } from "../decide/values/quantity.ts";

type PodMetrics = KubeObject & { readonly containers?: readonly { readonly usage?: { readonly cpu?: unknown } }[] };

/** Of the metrics API, which metrics-server provides. */
const POD_METRICS = defineKind<PodMetrics>({
  apiVersion: "metrics.k8s.io/v1beta1",
  kind: "PodMetrics",
  plural: "pods",
});

const NANOCORES_IN_MILLICORE = 1_000_000;

/** CPU that the containers of a pod use together, in millicores; undefined if the metrics API does not know it. */
export async function cpuMillicoresOf(
  pod: ObjectRef,
  client: Pick<KubeClient, "find">,
  signal: AbortSignal,
): Promise<number | undefined> {
  const found = await client.find(POD_METRICS, pod, signal);
  const amounts = (found?.containers ?? []).map(({ usage }) => parseQuantity(usage?.cpu));
  if (amounts.length === 0 || amounts.includes(undefined)) return undefined;
  return amounts.reduce<number>((sum, nanocores) => sum + Number(nanocores ?? 0n) / NANOCORES_IN_MILLICORE, 0);
}
