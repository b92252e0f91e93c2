export { startAuthorization, type Authorization } from "./authorization.ts";
export { ConfigError, readConfig, type AuthorizationConfig } from "./config.ts";
export { jsonLog, type Log } from "./log.ts";
