import { describe, expect, it } from "vitest";
import { aServer } from "../testing/builders.ts";
import { quantityProblems } from "./quantity-problems.ts";

const withMemory = (memory: unknown): ReturnType<typeof aServer> =>
  aServer({ jupyterServer: { resources: { limits: { memory } } as never } });

describe("amounts in the spec", () => {
  it.each([
    ["4GB", '"4GB" is not a quantity; write 4G, or 4Gi for powers of 1024'],
    ["4gb", '"4gb" is not a quantity; write 4G, or 4Gi for powers of 1024'],
    ["1.5 GiB", '"1.5 GiB" is not a quantity; write 1.5G, or 1.5Gi for powers of 1024'],
    ["512mb", '"512mb" is not a quantity; write 512M, or 512Mi for powers of 1024'],
    ["64KB", '"64KB" is not a quantity; write 64k, or 64Ki for powers of 1024'],
    ["plenty", '"plenty" is not a quantity; write a number with a unit of Kubernetes, such as 500Mi or 2Gi'],
    [{}, '"{}" is not a quantity; write a number with a unit of Kubernetes, such as 500Mi or 2Gi'],
    ["-1Gi", "it must not be negative"],
  ])("such as %j are named with their field and the fix", (memory, message) => {
    expect(quantityProblems(withMemory(memory))).toEqual([
      { kind: "InvalidSpec", field: "jupyterServer.resources.limits.memory", message },
    ]);
  });

  it("are fine in every form that Kubernetes takes", () => {
    for (const memory of ["4Gi", "4G", "1e3", "0.5", 0.1, 300_000_000, "", null].filter((value) => value !== "")) {
      expect(quantityProblems(withMemory(memory))).toEqual([]);
    }
  });

  it("may be empty where that means none", () => {
    expect(quantityProblems(aServer({ size: "", jupyterServer: { shmSize: "" } }))).toEqual([]);
  });

  it("are named wherever they are", () => {
    const server = aServer({
      size: "1TB",
      jupyterServer: { shmSize: "1gb", resources: { requests: { cpu: "one" } } as never },
    });
    expect(quantityProblems(server)).toMatchObject([
      { field: "jupyterServer.resources.requests.cpu" },
      { field: "jupyterServer.shmSize" },
      { field: "storage.size" },
    ]);
  });

  it("are named in the resources of the login's containers, if there is a login", () => {
    const sidecarResources = {
      traefik: { limits: { memroy: "1Gi", cpu: "1" } },
      oauth2Proxy: { requests: { memory: "1GB" } },
    };
    const problemsOf = (oidc: boolean) =>
      quantityProblems(aServer({ jupyterServer: { sidecarResources }, oidc: { enabled: oidc } }));
    expect(problemsOf(true)).toMatchObject([
      { field: "jupyterServer.sidecarResources.traefik.limits.memroy" },
      { field: "jupyterServer.sidecarResources.oauth2Proxy.requests.memory" },
    ]);
    expect(problemsOf(false)).toEqual([]);
  });

  it.each(["memroy", "CPU", "gpu"])("of the resource %s, which there is not, are named with what there is", (name) => {
    const message = "there is no such resource; use cpu, memory, ephemeral-storage or a name such as nvidia.com/gpu";
    expect(quantityProblems(aServer({ jupyterServer: { resources: { limits: { [name]: 1 } } as never } }))).toEqual([
      { kind: "InvalidSpec", field: `jupyterServer.resources.limits.${name}`, message },
    ]);
  });

  it("may be of every resource that a container can have", () => {
    const limits = { cpu: 1, memory: "1Gi", "ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi", "nvidia.com/gpu": 1 };
    expect(quantityProblems(aServer({ jupyterServer: { resources: { limits } as never } }))).toEqual([]);
  });
});
