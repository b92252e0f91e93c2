import { jupyter } from "../jupyter/image.ts";
import type { ImageDefinition } from "./definition.ts";

/** Every image of this project. */
export const catalogue: readonly ImageDefinition[] = [jupyter];
