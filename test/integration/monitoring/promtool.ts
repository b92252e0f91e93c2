import { spawnSync } from "node:child_process";
import { binaryPath, buildExtra, prebuiltFolder } from "@amalthea/cluster";
import { findPrebuilt } from "../../../cluster/src/build/prebuilt.ts";

const prebuilt = prebuiltFolder();

/** False only where prebuilt programs are used, and it is not among them. */
export const hasPromtool: boolean = prebuilt === undefined || findPrebuilt("promtool", prebuilt) !== undefined;

/** Runs Prometheus' own tool. @returns What it printed. @throws Error with that if it is not satisfied. */
export async function promtool(args: readonly string[], input = ""): Promise<string> {
  await buildExtra("promtool");
  const { status, stdout, stderr, error } = spawnSync(binaryPath("promtool"), args, { input, encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`promtool ${args.join(" ")}: ${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}
