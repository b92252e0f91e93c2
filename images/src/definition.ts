import type { Progress } from "@amalthea/cluster";
import type { Input } from "./input-hash.ts";
import type { Layer } from "./layer.ts";
import type { ContainerConfig } from "./oci-archive.ts";
import type { Step } from "./run.ts";

/** One image this project builds. A folder beside `src/` holds each, with all that defines it. */
export type ImageDefinition = {
  /** As the commands name it; also the name of its folder. */
  readonly name: string;
  /** As objects name it; the first is what a release is called, the others are names under which tests expect it too. */
  readonly references: readonly [string, ...string[]];
  /** Free space that building it needs, caches included. */
  readonly diskMegabytes: number;
  /** What decides its content, besides its own folder and the code of this package. */
  readonly inputs: (place: BuildPlace) => Promise<readonly Input[]>;
  /** Stages the content below `place.scratch`. */
  readonly stage: (place: BuildPlace) => Promise<StagedImage>;
};

/** What an image will hold. */
export type StagedImage = {
  /** Lowest first. */
  readonly layers: readonly Layer[];
  readonly config: ContainerConfig;
};

/** A program that images take as it is. It needs no library. */
export type CompiledBinary = "traefik" | "oauth2-proxy";

/** What a build may use. */
export type BuildPlace = {
  /** The root of the checkout. */
  readonly repository: string;
  /** An empty folder of this build; removed after it. */
  readonly scratch: string;
  readonly run: (step: Step) => Promise<void>;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** The root folder of a small Debian with Python, to copy from and never to change; built when first asked for. */
  readonly debianRoot: () => Promise<string>;
  readonly compiledBinary: (name: CompiledBinary) => Promise<string>;
};
