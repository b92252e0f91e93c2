import { describe, expect, it } from "vitest";
import { defaultSpec } from "./default-spec.ts";
import { DEFAULT_IMAGES } from "./names.ts";

describe("defaultSpec", () => {
  it("has every default, at whatever depth, and nothing that has none", () => {
    const { jupyterServer, storage, auth, routing } = defaultSpec();
    expect(jupyterServer).toMatchObject({ image: DEFAULT_IMAGES.jupyter, hibernated: false, resources: {} });
    expect(storage).toMatchObject({ size: "100Mi", pvc: { enabled: false, mountPath: "/home/jovyan/work" } });
    expect(auth.oidc).toMatchObject({ enabled: false, groupsClaim: "groups" });
    expect(routing).not.toHaveProperty("host");
    expect(jupyterServer).not.toHaveProperty("env");
  });
});
