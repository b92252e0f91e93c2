import { describe, expect, it } from "vitest";
import { effectiveServer } from "./effective-server.ts";
import { effectiveSpec } from "./effective-spec.ts";
import { planFor } from "./plan/plan.ts";
import { aServer, NOW, someSettings, type ServerOptions } from "./testing/builders.ts";
import { carryOut, change, running, sentences } from "./testing/simulated-world.ts";
import type { Observed } from "./live/observed.ts";

const everybody = { key: "dedicated", operator: "Exists" };

function specWith(options: ServerOptions, defaults: object): ReturnType<typeof effectiveSpec> {
  return effectiveSpec(aServer(options).spec, defaults as never);
}

describe("effectiveSpec", () => {
  it("takes a field from the defaults that the server leaves out", () => {
    const { jupyterServer } = specWith({}, { jupyterServer: { tolerations: [everybody], priorityClassName: "low" } });
    expect(jupyterServer).toMatchObject({ tolerations: [everybody], priorityClassName: "low" });
  });

  it("takes it, too, where the server has the value that the CRD fills in", () => {
    const defaults = { jupyterServer: { image: "registry.example.org/lab:1" }, storage: { pvc: { enabled: true } } };
    expect(specWith({}, defaults)).toMatchObject(defaults);
  });

  it("leaves what the server says: a value, and a whole list without keys, an empty one included", () => {
    const own = { image: "own:1", tolerations: [], resources: { limits: { cpu: "1" } } };
    const defaults = { ...own, image: "x", tolerations: [everybody], resources: { limits: { memory: "1Gi" } } };
    expect(specWith({ jupyterServer: own }, { jupyterServer: defaults }).jupyterServer).toMatchObject(own);
  });

  it("merges lists of named things by their name, with the defaults first, so that the server's can refer to them", () => {
    const env = [
      { name: "OWN", value: "$(SHARED)" },
      { name: "HTTP_PROXY", value: "" },
    ];
    const shared = { name: "SHARED", value: "s" };
    const defaults = { jupyterServer: { env: [{ name: "HTTP_PROXY", value: "http://proxy" }, shared] } };
    expect(specWith({ jupyterServer: { env } }, defaults).jupyterServer.env).toEqual([shared, ...env]);
  });

  it("leaves out a default port whose number the server uses under another name", () => {
    const extraPorts = [{ name: "mine", containerPort: 8787 }];
    const defaults = [
      { name: "rstudio", containerPort: 8787, protocol: "TCP" },
      { name: "udp", containerPort: 8787, protocol: "UDP" },
    ];
    const { jupyterServer } = specWith({ jupyterServer: { extraPorts } }, { jupyterServer: { extraPorts: defaults } });
    expect(jupyterServer.extraPorts).toEqual([defaults[1], ...extraPorts]);
  });

  it("merges maps by key", () => {
    const own = { jupyterServer: { nodeSelector: { disk: "ssd" } }, routing: { ingressAnnotations: { a: "own" } } };
    const defaults = {
      jupyterServer: { nodeSelector: { disk: "hdd", zone: "a" } },
      routing: { ingressAnnotations: { a: "x", b: "y" } },
    };
    const { jupyterServer, routing } = specWith(own, defaults);
    expect(jupyterServer.nodeSelector).toEqual({ disk: "ssd", zone: "a" });
    expect(routing.ingressAnnotations).toEqual({ a: "own", b: "y" });
  });

  it("has the default lengths of sessions but for those that it sets itself", () => {
    const defaults = { auth: { oidc: { session: { lengthSeconds: 28_800, renewalSeconds: 60 } } } };
    const server = aServer({ oidc: { enabled: true, session: { lengthSeconds: 3_600 } } });
    const { oidc } = effectiveSpec(server.spec, defaults).auth;
    expect(oidc).toEqual({ ...server.spec.auth.oidc, session: { lengthSeconds: 3_600, renewalSeconds: 60 } });
  });

  it("is the very same object when the defaults add nothing", () => {
    const { spec } = aServer({ jupyterServer: { image: "own:1", env: [{ name: "A", value: "1" }] } });
    const defaults = { jupyterServer: { image: "x", env: [{ name: "A", value: "2" }] } };
    expect(effectiveSpec(spec, {})).toBe(spec);
    expect(effectiveSpec(spec, defaults)).toBe(spec);
  });

  it("fills in a null that 0.24 left", () => {
    const server = aServer({ pvc: { storageClassName: null as never } });
    const defaults = { storage: { pvc: { storageClassName: "fast" } } };
    expect(effectiveSpec(server.spec, defaults).storage.pvc.storageClassName).toBe("fast");
  });
});

describe("defaults that change under a running server", () => {
  const withDefaults = (world: Observed, defaults: object): Observed => ({
    ...world,
    server: effectiveServer(world.server, someSettings({ serverDefaults: defaults as never })),
  });
  const plan = (world: Observed): ReturnType<typeof planFor> => planFor(world, someSettings(), NOW);

  it.each(["OnNextStart", "Restart"] as const)("wait for its next start under updatePolicy %s", (updatePolicy) => {
    const before = running({ updatePolicy });
    const changed = withDefaults(before, { jupyterServer: { tolerations: [everybody] } });
    const first = plan(changed);
    expect(sentences(first)).toEqual([expect.stringMatching(/^Apply statefulset: /)]);
    expect(first.facts.pendingFields).toEqual(["serverDefaults"]);
    const second = plan(carryOut(changed, first.plan));
    expect([second.plan, second.facts.pendingFields]).toEqual([[], ["serverDefaults"]]);
    const removed = { ...carryOut(changed, first.plan), server: before.server };
    expect(plan(removed).facts.pendingFields).toEqual([]);
  });

  it("change nothing of the pod of a server without a login if they are about sessions", () => {
    const changed = withDefaults(running({}), { auth: { oidc: { session: { lengthSeconds: 28_800 } } } });
    expect(plan(carryOut(changed, plan(changed).plan)).facts.pendingFields).toEqual([]);
  });

  it("do not restart a server whose resources cannot be changed in place", () => {
    const before = running({ updatePolicy: "Restart" });
    const changed = withDefaults(before, { jupyterServer: { resources: { limits: { "nvidia.com/gpu": "1" } } } });
    const second = plan(carryOut(changed, plan(changed).plan));
    expect([second.plan, second.facts.pendingFields]).toEqual([[], ["jupyterServer.resources"]]);
  });

  it("do not keep a change of the server's own from restarting it", () => {
    const defaults = { jupyterServer: { tolerations: [everybody] } };
    const before = running({ updatePolicy: "Restart" });
    const changed = withDefaults(
      change(before, { updatePolicy: "Restart", jupyterServer: { image: "b:2" } }),
      defaults,
    );
    const second = plan(carryOut(changed, plan(changed).plan));
    expect(sentences(second)).toEqual(["RemovePod Pod: jupyterServer.image changed"]);
  });

  it("are not pending when a server says itself what is the default, too", () => {
    const jupyterServer = { image: "b:2", resources: { limits: { cpu: "1" } } };
    const world = withDefaults(running({ jupyterServer }), { jupyterServer });
    expect([plan(world).plan, plan(world).facts.pendingFields]).toEqual([[], []]);
  });
});
