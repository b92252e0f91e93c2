export * from "./jupyter-server.ts";
export * from "./jupyter-server-status.ts";
export * from "./names.ts";
export * from "./conditions.ts";
export * from "./reasons.ts";
