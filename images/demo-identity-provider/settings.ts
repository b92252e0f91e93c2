/** Somebody who can sign in. Claims other than the password are given out as they are. */
export type DemoUser = {
  readonly password: string;
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly groups?: readonly string[];
};

/** What the program is told by its environment. */
export type ProviderSettings = {
  /** Address of the provider as browsers see it, from `ISSUER_URL`. */
  readonly issuerUrl: string;
  /** From `CLIENT_ID`; default `jupyter`. */
  readonly clientId: string;
  /** From `CLIENT_SECRET`. */
  readonly clientSecret: string;
  /** By user id, from `USERS` as JSON. */
  readonly users: Readonly<Record<string, DemoUser>>;
  /** From `PORT`; default 8080. */
  readonly port: number;
  /** Certificate and key in PEM, from `TLS_CERTIFICATE` and `TLS_KEY`; undefined: plain http. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
};

/** Reads the settings. @throws Error naming what is missing. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): ProviderSettings {
  const required = (name: string): string => {
    const value = env[name];
    if (value === undefined || value === "") throw new Error(`${name} is not set`);
    return value;
  };
  const { TLS_CERTIFICATE: cert, TLS_KEY: key } = env;
  return {
    issuerUrl: required("ISSUER_URL"),
    clientId: env["CLIENT_ID"] ?? "jupyter",
    clientSecret: required("CLIENT_SECRET"),
    users: JSON.parse(required("USERS")) as ProviderSettings["users"], // written by those who deploy it
    port: Number(env["PORT"] ?? 8080),
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
  };
}
