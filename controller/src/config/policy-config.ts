import { below, SHARED_DENIED_ANNOTATIONS } from "../decide/policy/annotation-policy.ts";
import { POD_SECURITY_LEVELS, type PodSecurityLevel } from "../decide/policy/pod-security.ts";
import type { PolicySettings } from "../decide/policy/policy-settings.ts";
import { parseQuantity } from "../decide/values/quantity.ts";
import { asObject, type EnvironmentReader } from "./environment.ts";

/**
 * Annotations by which an Ingress captures requests of others, injects configuration into a shared proxy, claims an
 * address or a DNS name, or disables what protects the host. From the documentation of each ingress
 * controller; one that only affects the Ingress's own requests is not among them. `*` stands for any
 * characters but a slash.
 */
export const DENIED_INGRESS_ANNOTATIONS: readonly string[] = [
  ...below("nginx.ingress.kubernetes.io", "*-snippet", "server-alias", "app-root", "from-to-www-redirect"),
  ...below("nginx.ingress.kubernetes.io", "use-regex", "rewrite-target", "canary", "canary-*", "ssl-passthrough"),
  ...below("nginx.ingress.kubernetes.io", "auth-*", "enable-global-auth", "proxy-ssl-secret", "mirror-*"),
  ...below("nginx.ingress.kubernetes.io", "enable-modsecurity", "modsecurity-*"),
  ...below("nginx.ingress.kubernetes.io", "ssl-ciphers", "ssl-prefer-server-ciphers"), // of the whole host
  ...below("nginx.org", "*-snippets", "mergeable-ingress-type", "path-regex"),
  ...below("traefik.ingress.kubernetes.io", "router.priority", "router.middlewares", "router.rulesyntax"),
  ...below("traefik.ingress.kubernetes.io", "router.pathmatcher"),
  // Different options for one host make traefik fall back to its default ones, for everybody on the host.
  ...below("traefik.ingress.kubernetes.io", "router.tls.options"),
  // Further names in the certificate that is issued. http01-edit-in-place stays: it changes the annotated Ingress alone.
  ...below("cert-manager.io", "common-name", "alt-names"),
  ...below("haproxy.org", "*-snippet", "route-acl", "ssl-passthrough"),
  ...["haproxy-ingress.github.io", "ingress.kubernetes.io"].flatMap((prefix) => [
    ...below(prefix, "config-*", "server-alias*", "app-root", "path-type*", "rewrite-target", "ssl-passthrough*"),
    ...below(prefix, "auth-*", "redirect-from*", "http-header-match*", "tcp-service-*"),
  ]),
  ...below("projectcontour.io", "tls-cert-namespace"),
  ...below("konghq.com", "plugins", "host-aliases", "headers*", "snis", "methods", "override", "regex-p*"),
  ...below("alb.ingress.kubernetes.io", "group.*", "actions.*", "conditions.*", "transforms.*", "auth-*"),
  ...below("appgw.ingress.kubernetes.io", "rule-priority", "hostname-extension", "rewrite-rule-set*"),
  ...below("kubernetes.io", "ingress.global-static-ip-name", "ingress.regional-static-ip-name"),
  ...SHARED_DENIED_ANNOTATIONS,
  ...below("zalando.org", "skipper-*"),
];

const DEFAULTS: PolicySettings = {
  podSecurity: undefined,
  patches: { kinds: ["*"], paths: ["*"] },
  fields: undefined,
  serviceAccounts: ["*"],
  priorityClasses: ["*"],
  secrets: ["*"],
  images: ["*"],
  maxResources: {},
  services: { types: undefined, externalIPs: false },
  serversPerNamespace: 0,
  routes: { allowed: [], namespaceAnnotation: false },
  ingressAnnotations: { allowed: [], denied: DENIED_INGRESS_ANNOTATIONS },
};

/** Reads the restrictions on servers from `POLICY`, a JSON object of the form of the chart's value `policy`. */
export function readPolicy(reader: EnvironmentReader): PolicySettings {
  const given = reader.object("POLICY");
  return new PolicyReader(given, reader.problems).read();
}

type Given = Readonly<Record<string, unknown>>;

/** Reads one object and collects what is wrong with it, each by its path. */
class PolicyReader {
  readonly #given: Given;
  readonly #problems: string[];

  constructor(given: Given, problems: string[]) {
    this.#given = given;
    this.#problems = problems;
  }

  read(): PolicySettings {
    this.#refuseUnknown("", this.#given, Object.keys(DEFAULTS));
    const group = (name: "patches" | "services" | "routes" | "ingressAnnotations"): Given => {
      const value = asObject(this.#given[name] ?? {}) ?? this.#problem(name, "an object", {});
      this.#refuseUnknown(`${name}.`, value, Object.keys(DEFAULTS[name]));
      return value;
    };
    const [patches, services] = [group("patches"), group("services")];
    const [routes, annotations] = [group("routes"), group("ingressAnnotations")];
    const types = this.#texts("services.types", services["types"], []);
    const fields = this.#texts("fields", this.#given["fields"], []);
    const denied = this.#texts("ingressAnnotations.denied", annotations["denied"], []);
    return {
      podSecurity: this.#level(),
      patches: {
        kinds: this.#texts("patches.kinds", patches["kinds"], DEFAULTS.patches.kinds),
        paths: this.#paths(this.#texts("patches.paths", patches["paths"], DEFAULTS.patches.paths)),
      },
      fields: fields.length === 0 ? undefined : fields,
      serviceAccounts: this.#texts("serviceAccounts", this.#given["serviceAccounts"], DEFAULTS.serviceAccounts),
      priorityClasses: this.#texts("priorityClasses", this.#given["priorityClasses"], DEFAULTS.priorityClasses),
      secrets: this.#texts("secrets", this.#given["secrets"], DEFAULTS.secrets),
      images: this.#texts("images", this.#given["images"], DEFAULTS.images),
      maxResources: this.#quantities(this.#given["maxResources"] ?? {}),
      services: {
        types: types.length === 0 ? undefined : types,
        externalIPs: this.#flag("services.externalIPs", services["externalIPs"]),
      },
      serversPerNamespace: this.#count(this.#given["serversPerNamespace"] ?? 0),
      routes: {
        allowed: this.#texts("routes.allowed", routes["allowed"], []),
        namespaceAnnotation: this.#flag("routes.namespaceAnnotation", routes["namespaceAnnotation"]),
      },
      ingressAnnotations: {
        allowed: this.#texts("ingressAnnotations.allowed", annotations["allowed"], []),
        denied: denied.length === 0 ? DENIED_INGRESS_ANNOTATIONS : denied,
      },
    };
  }

  #refuseUnknown(prefix: string, value: Given, known: readonly string[]): void {
    const unknown = Object.keys(value).filter((name) => !known.includes(name));
    this.#problems.push(...unknown.map((name) => `POLICY: ${prefix}${name} is unknown`));
  }

  #level(): PodSecurityLevel | undefined {
    const given = this.#given["podSecurity"] ?? "";
    if (given === "") return undefined;
    return (
      POD_SECURITY_LEVELS.find((level) => level === given) ??
      this.#problem("podSecurity", POD_SECURITY_LEVELS.join(", "), undefined)
    );
  }

  #texts(name: string, value: unknown, fallback: readonly string[]): readonly string[] {
    if (value === undefined) return fallback;
    const isList = Array.isArray(value) && value.every((entry) => typeof entry === "string");
    return isList ? (value as readonly string[]) : this.#problem(name, "a list of texts", fallback);
  }

  #paths(paths: readonly string[]): readonly string[] {
    const isPath = (path: string): boolean => path === "*" || path.startsWith("/");
    return paths.every(isPath) ? paths : this.#problem("patches.paths", "JSON pointers such as /ingress", paths);
  }

  #quantities(value: unknown): Readonly<Record<string, string>> {
    const entries = Object.entries(asObject(value) ?? this.#problem("maxResources", "an object", {}));
    const wrong = entries.filter(([, amount]) => parseQuantity(amount) === undefined);
    for (const [name] of wrong) this.#problem(`maxResources.${name}`, "a quantity such as 4 or 16Gi", undefined);
    return Object.fromEntries(entries.map(([name, amount]) => [name, String(amount)]));
  }

  #flag(name: string, value: unknown): boolean {
    return typeof (value ?? false) === "boolean" ? value === true : this.#problem(name, "true or false", false);
  }

  #count(value: unknown): number {
    const isCount = typeof value === "number" && Number.isInteger(value) && value >= 0;
    return isCount ? value : this.#problem("serversPerNamespace", "an integer of at least 0", 0);
  }

  #problem<T>(name: string, shape: string, fallback: T): T {
    this.#problems.push(`POLICY: ${name} must be ${shape}`);
    return fallback;
  }
}
