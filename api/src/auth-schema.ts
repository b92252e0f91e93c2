import type {
  Auth,
  Bearer,
  ClientSecret,
  Discovery,
  Oidc,
  OidcSession,
  SecretKeyRef,
  TrustedCA,
} from "./jupyter-server.ts";
import {
  boolean,
  integer,
  jointRule,
  list,
  object,
  required,
  rule,
  string,
  withDefault,
  type Rule,
  type Schema,
  type SchemaNode,
} from "./schema-kit.ts";

const nonEmpty: Pick<SchemaNode, "minLength"> = { minLength: 1 };

// The API server also validates the default `{}`, to which the defaults of the fields are not applied yet.
function isOn(self: string, field: string): string {
  return `(has(${self}.${field}) && ${self}.${field})`;
}

function has(self: string, field: string): string {
  return `has(${self}.${field}) && ${self}.${field} != ''`;
}

function url(field: string): Rule {
  return rule(
    "self == '' || self.startsWith('https://') || self.startsWith('http://')",
    `auth.oidc.${field} must be a URL that begins with https:// or http://`,
  );
}

const clientSecret = object<ClientSecret>(
  "The client secret: in clear text or, better, in a Secret.",
  {
    value: string("The client secret in clear text; everybody who can read this object can read it."),
    secretKeyRef: object<Partial<SecretKeyRef>>(
      "A Secret in the server's namespace that holds the client secret.",
      { name: string("Name of the Secret."), key: string("Key in the Secret.") },
      {
        rules: [
          jointRule(
            (self) => `${has(self, "name")} && ${has(self, "key")}`,
            "auth.oidc.clientSecret.secretKeyRef needs both name and key",
            { reason: "FieldValueRequired" },
          ),
        ],
      },
    ),
  },
  {
    rules: [
      rule(
        "has(self.value) != has(self.secretKeyRef)",
        "auth.oidc.clientSecret needs exactly one of value and secretKeyRef",
      ),
    ],
  },
);

const trustedCA = object<TrustedCA>(
  "A certificate authority to trust for the provider, in addition to the public ones.",
  {
    configMapName: required(string("Name of the ConfigMap, in the server's namespace.", nonEmpty)),
    key: withDefault("ca.crt", string("Key in the ConfigMap; its value is one or more PEM certificates.", nonEmpty)),
  },
);

const discovery = object<Discovery>(
  "Endpoints of the provider, used instead of discovery: the server then starts even if the provider is down.",
  {
    loginUrl: required(string("Authorization endpoint.", { ...nonEmpty, rules: [url("discovery.loginUrl")] })),
    redeemUrl: required(string("Token endpoint.", { ...nonEmpty, rules: [url("discovery.redeemUrl")] })),
    jwksUrl: required(string("JSON Web Key Set (`jwks_uri`).", { ...nonEmpty, rules: [url("discovery.jwksUrl")] })),
  },
);

const session = object<OidcSession>(
  "How long a session lasts. A change takes effect at the next start of the server.",
  {
    lengthSeconds: integer("Seconds from the sign-in to the end of the session. Unset: 12 hours.", {
      minimum: 60,
      maximum: 2_592_000,
    }),
    renewalSeconds: integer(
      "Seconds after which a session in use is renewed with the provider; it ends if the provider refuses that, for example because the user was disabled. It requires a refresh token: without one, only the length limits the session. 0: never renewed. Unset: 3 minutes.",
      { minimum: 0, maximum: 86_400 },
    ),
    graceSeconds: integer(
      "Seconds that a session remains valid while the provider cannot be reached for renewals. Unset: 1 hour.",
      { minimum: 0, maximum: 2_592_000 },
    ),
  },
);

const bearer = object<Bearer>(
  "Access for programs that send a token of the provider in the header `Authorization: Bearer`, without a session. The same criteria apply, to the claims of the token.",
  {
    enabled: withDefault(false, boolean("Whether such tokens are accepted.")),
    audiences: list(
      "Audiences (claim `aud`) of accepted tokens; a token needs one of them. Use an audience that only programs for these servers request: any other service that receives a token for it can use the servers.",
      string("An audience.", nonEmpty),
    ),
  },
  {
    rules: [
      jointRule(
        (self) => `!${isOn(self, "enabled")} || (has(${self}.audiences) && size(${self}.audiences) > 0)`,
        "auth.oidc.bearer.enabled needs auth.oidc.bearer.audiences",
        { reason: "FieldValueRequired", fieldPath: ".audiences" },
      ),
    ],
  },
);

const oidc = object<Oidc>(
  "Login with OpenID Connect. A user is authorized if each criterion that is set (user IDs, e-mail addresses, groups) matches; without any criterion, nobody is.",
  {
    enabled: withDefault(
      false,
      boolean("Whether users sign in with the provider. If false, Jupyter requires its token."),
    ),
    issuerUrl: string(
      "Issuer URL; the provider's metadata is read from `<issuerUrl>/.well-known/openid-configuration`.",
      {
        rules: [url("issuerUrl")],
      },
    ),
    clientId: string("Client ID registered with the provider."),
    clientSecret,
    authorizedEmails: withDefault(
      [],
      list("E-mail addresses of authorized users; case is ignored.", string("An e-mail address.")),
    ),
    authorizedGroups: withDefault(
      [],
      list("Groups whose members are authorized, exactly as the provider names them.", string("A group.")),
    ),
    userId: string("ID (claim `sub`) of the authorized user.", nonEmpty),
    authorizedUserIds: list("IDs (claim `sub`) of additional authorized users.", string("A user ID.", nonEmpty)),
    allowAnyUser: withDefault(false, boolean("Whether everybody who can sign in with the provider is authorized.")),
    scopes: list(
      "Scopes to request, exactly these. Unset: `openid`, and of `email`, `profile` and (if `authorizedGroups` has any) `groups` those that the provider advertises (`scopes_supported`) and does not refuse.",
      string("A scope.", { pattern: "^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$" }),
    ),
    groupsClaim: withDefault("groups", string("Claim with the groups of the user.", nonEmpty)),
    emailClaim: withDefault("email", string("Claim with the e-mail address of the user.", nonEmpty)),
    allowUnverifiedEmail: withDefault(
      false,
      boolean(
        "Whether an e-mail address counts even if the provider does not say that it is verified (`email_verified: true`).",
      ),
    ),
    trustedCA,
    discovery,
    extraAudiences: list(
      "Audiences (claim `aud`) to accept in addition to the client ID when people sign in.",
      string("An audience.", nonEmpty),
    ),
    endProviderSession: boolean(
      "Whether a sign-out also ends the session at the provider (`end_session_endpoint`), which signs the user out everywhere. `<address of the server>/oauth2/signed-out` must be registered there as a post-logout redirect URI.",
    ),
    session,
    sessionsNotBefore: string(
      "Sessions that began before this time, and programs' tokens issued before it, are invalid, and their open connections are closed: set it to the current time to sign everybody out of a running server. No restart is needed.",
      { format: "date-time" },
    ),
    bearer,
  },
  {
    rules: [
      ...(["issuerUrl", "clientId"] as const).map((field) =>
        jointRule(
          (self) => `!${isOn(self, "enabled")} || ${has(self, field)}`,
          `auth.oidc.enabled needs auth.oidc.${field}`,
          {
            reason: "FieldValueRequired",
            fieldPath: `.${field}`,
          },
        ),
      ),
      jointRule(
        (self) => `!${isOn(self, "enabled")} || has(${self}.clientSecret)`,
        "auth.oidc.enabled needs auth.oidc.clientSecret",
        { reason: "FieldValueRequired", fieldPath: ".clientSecret" },
      ),
      rule(
        `!${isOn("self", "allowAnyUser")} || (!has(self.userId) && ${["authorizedEmails", "authorizedGroups", "authorizedUserIds"].map((list) => `(!has(self.${list}) || size(self.${list}) == 0)`).join(" && ")})`,
        "auth.oidc.allowAnyUser lets everybody in: remove it, or remove userId and the authorized lists",
      ),
    ],
  },
);

/** Schema of `spec.auth`. */
export const authSchema: Schema<Auth> = object<Auth>(
  "Authentication and authorization.",
  {
    token: string(
      "Token that Jupyter requires. Unset: one is generated and kept in the server's Secret under `jupyterServerAppToken`. Empty: Jupyter requires none, which leaves the server open to everybody unless `oidc` is enabled. The value is stored in this object in clear text; prefer `tokenSecretRef`.",
      {
        rules: [
          rule(
            "self == '' || self.trim() != ''",
            "auth.token must not consist of white space only: omit it to have a token generated",
          ),
          rule(
            "!self.contains('\\n') && !self.contains('\\r')",
            "auth.token must be a single line: remove the line break",
          ),
        ],
      },
    ),
    tokenSecretRef: object<SecretKeyRef>("A Secret in the server's namespace that holds the token.", {
      name: required(string("Name of the Secret.", nonEmpty)),
      key: required(string("Key in the Secret.", nonEmpty)),
    }),
    oidc: withDefault({}, oidc),
  },
  {
    rules: [
      rule(
        "!(has(self.token) && has(self.tokenSecretRef))",
        "auth.token and auth.tokenSecretRef are mutually exclusive: remove one of them",
      ),
    ],
  },
);
