import { describe, expect, it } from "vitest";
import { aChild, aServer, timeAgo } from "../testing/builders.ts";
import { routeNeeds } from "./routes.ts";

const ingress = aChild("ingress", "Ingress", {
  spec: { ingressClassName: "nginx", tls: [{ secretName: "hub-tls" }, { hosts: ["other.example.org"] }] },
});
const added = aChild("extra", "Ingress", {
  spec: { ingressClassName: "internal", tls: [{ secretName: "hub-tls" }, { secretName: "" }] },
});
const nothing = { ingressClasses: [], tlsSecrets: [] };

describe("what the Ingresses of a server need", () => {
  it("is their classes and the Secrets with their certificates, those that patches add included, each once", () => {
    expect(routeNeeds(aServer(), [ingress, added])).toEqual({
      ingressClasses: ["internal", "nginx"],
      tlsSecrets: ["hub-tls"],
    });
  });

  it("is nothing while the server is hibernated or being deleted", () => {
    expect(routeNeeds(aServer({ jupyterServer: { hibernated: true } }), [ingress])).toEqual(nothing);
    const { metadata, ...server } = aServer();
    const deleted = { ...server, metadata: { ...metadata, deletionTimestamp: timeAgo(1) } };
    expect(routeNeeds(deleted, [ingress])).toEqual(nothing);
  });
});
