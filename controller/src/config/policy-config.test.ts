import { describe, expect, it } from "vitest";
import { matchesAny } from "../decide/values/pattern.ts";
import { readConfig } from "./config.ts";
import { DENIED_INGRESS_ANNOTATIONS } from "./policy-config.ts";

function policyOf(given: object): ReturnType<typeof readConfig>["decision"]["policy"] {
  return readConfig({ CLUSTER_WIDE: "true", POLICY: JSON.stringify(given) }).decision.policy;
}

describe("POLICY", () => {
  it("allows what was always allowed where nothing is set, but for pods, Services and annotations that hurt others", () => {
    expect(readConfig({}).decision.policy).toEqual(policyOf({ podSecurity: "", services: { types: [] } }));
    expect(policyOf({})).toMatchObject({
      podSecurity: undefined,
      patches: { kinds: ["*"], paths: ["*"] },
      fields: undefined,
      ...{
        serviceAccounts: ["*"],
        priorityClasses: ["*"],
        secrets: ["*"],
        images: ["*"],
        maxResources: {},
        serversPerNamespace: 0,
      },
      services: { types: undefined, externalIPs: false },
      routes: { allowed: [], namespaceAnnotation: false },
    });
  });

  it.each([
    { given: { podSecurity: "strict" }, says: "POLICY: podSecurity must be privileged, baseline, restricted" },
    { given: { images: "a" }, says: "POLICY: images must be a list of texts" },
    { given: { patches: { paths: ["ingress"] } }, says: "POLICY: patches.paths must be JSON pointers" },
    { given: { maxResources: { memory: "lots" } }, says: "POLICY: maxResources.memory must be a quantity" },
    { given: { serversPerNamespace: -1 }, says: "POLICY: serversPerNamespace must be an integer" },
    { given: { service: {} }, says: "POLICY: service is unknown" },
    { given: { routes: { hosts: [] } }, says: "POLICY: routes.hosts is unknown" },
    { given: { services: { externalIPs: "yes" } }, says: "POLICY: services.externalIPs must be true or false" },
  ])("that is $given is refused with what is wrong", ({ given, says }) => {
    expect(() => policyOf(given)).toThrow(says);
  });

  it.each([
    "nginx.ingress.kubernetes.io/configuration-snippet",
    "nginx.ingress.kubernetes.io/server-alias",
    "nginx.ingress.kubernetes.io/auth-url",
    "nginx.ingress.kubernetes.io/canary-by-cookie",
    "nginx.org/server-snippets",
    "traefik.ingress.kubernetes.io/router.priority",
    "traefik.ingress.kubernetes.io/router.middlewares",
    "haproxy.org/backend-config-snippet",
    "haproxy-ingress.github.io/server-alias-regex",
    "konghq.com/regex-priority",
    "konghq.com/headers.x-a",
    "alb.ingress.kubernetes.io/group.order",
    "external-dns.alpha.kubernetes.io/hostname",
    "getambassador.io/config",
    "dns.alpha.kubernetes.io/external",
    "tailscale.com/expose",
    "nginx.ingress.kubernetes.io/ssl-ciphers",
  ])("denies the annotation %s unless the administrator says otherwise", (name) => {
    expect(matchesAny(name, DENIED_INGRESS_ANNOTATIONS)).toBe(true);
  });

  it.each([
    "nginx.ingress.kubernetes.io/proxy-body-size",
    "nginx.ingress.kubernetes.io/force-ssl-redirect",
    "traefik.ingress.kubernetes.io/router.tls",
    "cert-manager.io/cluster-issuer",
    "kubernetes.io/ingress.class",
    "nginx.org/websocket-services",
  ])("leaves the annotation %s alone", (name) => {
    expect(matchesAny(name, DENIED_INGRESS_ANNOTATIONS)).toBe(false);
  });
});
