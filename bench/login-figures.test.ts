import { describe, expect, it } from "vitest";
import { type CpuPerRequest, cpuFigures, latencyFigures } from "./login-figures.ts";
import { holds } from "./report.ts";

const idle: CpuPerRequest = {
  "jupyter-server": 2,
  "oauth2-proxy": 0,
  authorization: 0,
  "auth-proxy": 0,
  "single-proxy": 0,
};

const throughProxy = { ...idle, "single-proxy": 0.5 };
const throughChain = { ...idle, "auth-proxy": 1, "oauth2-proxy": 0.4, authorization: 0.6 };

describe("cpuFigures", () => {
  it("compares the chain's three containers with the single proxy, and the whole pods with Jupyter alone", () => {
    const cpu = { direct: idle, singleProxy: throughProxy, chain: throughChain };
    expect(cpuFigures("a page", cpu, true).map(({ measured }) => measured)).toEqual([4, 1.25, 2]);
  });

  it.each([
    { traefik: 0.25, kept: true },
    { traefik: 0.26, kept: false },
  ])("allows 2.5 times as much: $traefik ms of the first container → $kept", ({ traefik, kept }) => {
    const cpu = { direct: idle, singleProxy: throughProxy, chain: { ...throughChain, "auth-proxy": traefik } };
    expect(cpuFigures("a page", cpu, true).every(holds)).toBe(kept);
    expect(cpuFigures("a file", cpu, false).every(holds)).toBe(true);
  });
});

describe("latencyFigures", () => {
  it("divides median by median and quantile by quantile, for each way with a proxy", () => {
    const times = { direct: [1, 2, 3], singleProxy: [2, 4, 6], chain: [8, 6, 4] };
    const figures = latencyFigures("a page", times).map(({ measured }) => Number(measured.toFixed(3)));
    expect(figures).toEqual([2, 2, 3, Number((7.8 / 2.9).toFixed(3))]);
  });
});
