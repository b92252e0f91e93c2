import { describe, expect, it } from "vitest";
import { authProxyRoutes } from "./auth-proxy-routes.ts";

type Router = { readonly entryPoints: readonly string[]; readonly middlewares?: readonly string[] };
type Http = {
  readonly routers: Readonly<Record<string, Router>>;
  readonly middlewares: Readonly<Record<string, object>>;
};

const ROUTE = {
  ...{ host: "hub.example.org", path: "/alice", tls: true, scheme: "https" as const },
  ...{ origin: "https://hub.example.org", url: "https://hub.example.org/alice" },
};
const UPSTREAMS = [
  { path: "/alice/", url: "http://127.0.0.1:8888" },
  { path: "/alice/sidecar/", url: "http://127.0.0.1:9000" },
];

describe("the routes of the proxy", () => {
  const { http } = JSON.parse(authProxyRoutes(ROUTE, UPSTREAMS, true)) as { readonly http: Http };
  const fromOutside = Object.entries(http.routers).filter(([, { entryPoints }]) => entryPoints.includes("web"));
  const isOf = (type: string, name: string): boolean => Object.hasOwn(http.middlewares[name] ?? {}, type);

  it.each(fromOutside)(
    "take a bounded number of requests at a time, or answer at once: %s",
    (_name, { middlewares = [] }) => {
      const isBounded = middlewares.some((name) => isOf("inFlightReq", name));
      const isAnswered = middlewares.some((name) => isOf("redirectRegex", name));
      expect(isBounded || isAnswered).toBe(true);
    },
  );

  it.each(fromOutside)(
    "remove what says who somebody is before anybody is asked: %s",
    (_name, { middlewares = [] }) => {
      const asked = middlewares.findIndex((name) => isOf("forwardAuth", name));
      const stripped = middlewares.indexOf("strip");
      expect(stripped >= 0 || middlewares.some((name) => isOf("redirectRegex", name))).toBe(true);
      if (asked >= 0) expect(stripped).toBeLessThan(asked);
    },
  );
});
