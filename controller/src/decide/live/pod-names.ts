/** Names of the environment variables with which Jupyter is started, and which its configuration files read. */
export const JUPYTER_ENV = {
  listenAddress: "AMALTHEA_LISTEN_ADDRESS",
  port: "AMALTHEA_PORT",
  baseUrl: "AMALTHEA_BASE_URL",
  defaultUrl: "AMALTHEA_DEFAULT_URL",
  rootDir: "AMALTHEA_ROOT_DIR",
  allowOrigin: "AMALTHEA_ALLOW_ORIGIN",
  /** Absent in OIDC mode, where the sidecars control access: Jupyter then asks for no token. */
  tokenFile: "AMALTHEA_TOKEN_FILE",
  /** `true` where an empty token is a mistake; pods of earlier versions do not have it. */
  tokenRequired: "AMALTHEA_TOKEN_REQUIRED",
  cookieSecretFile: "AMALTHEA_COOKIE_SECRET_FILE",
} as const;

/** Files of the volume with the server's Secrets. */
export const SECRET_FILES = { token: "token", cookieSecret: "cookie_secret" } as const;
