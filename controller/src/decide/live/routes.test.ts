import { describe, expect, it } from "vitest";
import { aChild, aServer, ago, NOW, timeAgo } from "../testing/builders.ts";
import { routeNeeds, tlsGraceEndsInMs } from "./routes.ts";

const ingress = aChild("ingress", "Ingress", {
  spec: { ingressClassName: "nginx", tls: [{ secretName: "hub-tls" }, { hosts: ["other.example.org"] }] },
});
const added = aChild("extra", "Ingress", {
  spec: { ingressClassName: "internal", tls: [{ secretName: "hub-tls" }, { secretName: "" }] },
});
const nothing = { ingressClasses: [], tlsSecrets: [] };

describe("what the Ingresses of a server need", () => {
  it("is their classes and the Secrets with their certificates, those that patches add included, each once", () => {
    expect(routeNeeds(aServer(), [ingress, added], NOW)).toEqual({
      ingressClasses: ["internal", "nginx"],
      tlsSecrets: ["hub-tls"],
    });
  });

  it("is nothing while the server is hibernated or being deleted", () => {
    expect(routeNeeds(aServer({ jupyterServer: { hibernated: true } }), [ingress], NOW)).toEqual(nothing);
    const { metadata, ...server } = aServer();
    const deleted = { ...server, metadata: { ...metadata, deletionTimestamp: timeAgo(1) } };
    expect(routeNeeds(deleted, [ingress], NOW)).toEqual(nothing);
  });

  it("is no Secret for two minutes after the Ingress came: its certificate is being issued meanwhile", () => {
    const { creationTimestamp } = ingress.metadata;
    const later = (seconds: number): Date => new Date(Date.parse(creationTimestamp) + seconds * 1000);
    expect(routeNeeds(aServer(), [ingress], later(119))).toEqual({ ingressClasses: ["nginx"], tlsSecrets: [] });
    expect(tlsGraceEndsInMs(aServer(), [ingress], later(119))).toBe(1_000);
    expect(routeNeeds(aServer(), [ingress], later(120)).tlsSecrets).toEqual(["hub-tls"]);
    expect(tlsGraceEndsInMs(aServer(), [ingress], later(120))).toBeUndefined();
    const plain = aChild("plain", "Ingress", { spec: {} });
    expect(tlsGraceEndsInMs(aServer(), [plain], later(1))).toBeUndefined();
  });

  it("waits for no longer than that where the API server's clock is ahead", () => {
    expect(tlsGraceEndsInMs(aServer(), [ingress], ago(1_000_000))).toBe(120_000);
  });

  it("is 20 Secrets at most, however many an Ingress names", () => {
    const tls = Array.from({ length: 3_000 }, (_, index) => ({ secretName: `tls-${index}` }));
    expect(routeNeeds(aServer(), [aChild("many", "Ingress", { spec: { tls } })], NOW).tlsSecrets).toHaveLength(20);
  });
});
