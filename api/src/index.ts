export * from "./conditions.ts";
export * from "./crd.ts";
export * from "./default-spec.ts";
export * from "./jupyter-server-status.ts";
export * from "./jupyter-server.ts";
export * from "./names.ts";
export * from "./reasons.ts";
export * from "./route.ts";
