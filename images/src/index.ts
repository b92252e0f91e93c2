export { buildImage } from "./build-image.ts";
export type { BuildOptions, BuiltImage } from "./build-image.ts";
export { catalogue } from "./catalogue.ts";
export type { ImageDefinition } from "./definition.ts";
