// What tests of other packages compare with: the service itself is started by main.ts and imported by nobody.
export { REFUSAL_STATUS } from "./access.ts";
export { readConfig } from "./config.ts";
export { parsePolicy } from "./policy.ts";
export { ROUTES, WEBSOCKET_PREFIX } from "./routes.ts";
