import { type Measurement, median, quantile } from "./report.ts";

/** How a request reaches Jupyter. */
export type Way = "direct" | "singleProxy" | "chain";

/** Containers of the pod: Jupyter, the three of our chain, and the proxy that does all alone. */
export type Part = "jupyter-server" | "oauth2-proxy" | "authorization" | "auth-proxy" | "single-proxy";

/** Asks something about each container. */
export function byPart<T>(ask: (part: Part) => T): Readonly<Record<Part, T>> {
  return {
    "jupyter-server": ask("jupyter-server"),
    "oauth2-proxy": ask("oauth2-proxy"),
    authorization: ask("authorization"),
    "auth-proxy": ask("auth-proxy"),
    "single-proxy": ask("single-proxy"),
  };
}

/** Containers that our chain adds to a server. */
export const SIDECARS: readonly Part[] = ["auth-proxy", "oauth2-proxy", "authorization"];

/** Milliseconds of processor time that each container took for a request. */
export type CpuPerRequest = Readonly<Record<Part, number>>;

/** The first prototype of the chain took 4.7 times as much as the single proxy. */
const CHAIN_AT_MOST = 2.5;

/**
 * Processor time of the proxies, and of the whole pod with Jupyter.
 *
 * @param isLimited Whether the proxies' time has a limit. With large answers the copying of their bytes is what costs.
 */
export function cpuFigures(
  what: string,
  cpu: Readonly<Record<Way, CpuPerRequest>>,
  isLimited: boolean,
): readonly Measurement[] {
  const chain = SIDECARS.reduce((sum, part) => sum + cpu.chain[part], 0);
  const single = cpu.singleProxy["single-proxy"];
  const ofPod = (way: Way): number => Object.values(cpu[way]).reduce((sum, ms) => sum + ms, 0);
  const parts = SIDECARS.map((part) => `${part} ${cpu.chain[part].toFixed(2)}`).join(", ");
  return [
    {
      what: `processor time of our chain for ${what}, as a ratio to the single proxy`,
      measured: chain / single,
      ...(isLimited ? { atMost: CHAIN_AT_MOST } : {}),
      detail: `milliseconds: ${parts}; single proxy ${single.toFixed(2)}; Jupyter asked directly ${cpu.direct["jupyter-server"].toFixed(2)}`,
    },
    {
      what: `processor time of the whole pod for ${what} by the single proxy, as a ratio to no proxy`,
      measured: ofPod("singleProxy") / ofPod("direct"),
    },
    {
      what: `processor time of the whole pod for ${what} by our chain, as a ratio to no proxy`,
      measured: ofPod("chain") / ofPod("direct"),
    },
  ];
}

/** Times until the answer, as ratios to those without a proxy. @param times milliseconds */
export function latencyFigures(what: string, times: Readonly<Record<Way, readonly number[]>>): readonly Measurement[] {
  const told = { singleProxy: "the single proxy", chain: "our chain" } as const;
  return (["singleProxy", "chain"] as const).flatMap((way) =>
    ([0.5, 0.95] as const).map((share) => ({
      what: `${share === 0.5 ? "median" : "95 % quantile"} of the time until ${what} by ${told[way]}, as a ratio to no proxy`,
      measured: quantile(times[way], share) / quantile(times.direct, share),
      detail:
        share === 0.5
          ? `milliseconds: ${median(times[way]).toFixed(1)}; no proxy ${median(times.direct).toFixed(1)}`
          : "",
    })),
  );
}
