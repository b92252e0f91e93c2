import { childName, PORTS } from "@amalthea/api";
import type { Ingress, IngressTLS } from "kubernetes-types/networking/v1.js";
import { withoutNulls } from "../values/json.ts";
import type { ChildContext } from "./child-context.ts";

/**
 * The Ingress that routes to the Service. Host, path and TLS are those that the running pod was started with, for they are
 * in its base URL, redirect URL and cookies; class, annotations and TLS Secret follow the spec at once.
 */
export function ingress({ server, servedRoute }: ChildContext): Ingress {
  const { ingressAnnotations, ingressClassName, tls } = server.spec.routing;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name: childName(server), annotations: textValues(ingressAnnotations) },
    spec: {
      ...(ingressClassName === undefined ? {} : { ingressClassName }),
      rules: [
        {
          host: servedRoute.host,
          http: {
            paths: [
              {
                path: servedRoute.path,
                pathType: "Prefix",
                backend: { service: { name: childName(server), port: { number: PORTS.service } } },
              },
            ],
          },
        },
      ],
      ...(servedRoute.tls ? { tls: [ingressTls(servedRoute.host, tls.secretName)] } : {}),
    },
  };
}

/** Without a Secret the ingress controller uses its own certificate. */
function ingressTls(host: string, secretName: string | undefined): IngressTLS {
  return { hosts: [host], ...(secretName === undefined || secretName === "" ? {} : { secretName }) };
}

/**
 * The CRD lets annotations be numbers and booleans, as YAML makes them of `8` and `true`; the API server requires
 * strings. Null is none.
 */
function textValues(annotations: Readonly<Record<string, unknown>>): Record<string, string> {
  const given = Object.entries(withoutNulls(annotations));
  return Object.fromEntries(
    given.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}
