import type { ReasonWithValues } from "@amalthea/api";
import type { Observed } from "../live/observed.ts";

/** Why requests may not reach the server although its Ingress is as it should be. */
export function routeWarnings({ missing }: Pick<Observed, "missing">): readonly ReasonWithValues[] {
  return [
    ...missing.ingressClasses.map((ingressClass): ReasonWithValues => ({
      reason: "IngressClassMissing",
      values: { ingressClass },
    })),
    ...missing.tlsSecrets.map((secret): ReasonWithValues => ({ reason: "TlsSecretMissing", values: { secret } })),
  ];
}
