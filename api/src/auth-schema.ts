import type { Auth, ClientSecret, Discovery, Oidc, SecretKeyRef, TrustedCA } from "./jupyter-server.ts";
import {
  boolean,
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

// The API server also holds the rules against the default `{}`, in which the fields' own defaults are not there yet.
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

const clientSecret: Schema<ClientSecret> = object<ClientSecret>(
  "The secret of the client at the provider: either as it is, or better, in a Secret.",
  {
    value: string("The client secret in clear text; everybody who may read this object can read it."),
    secretKeyRef: object<Partial<SecretKeyRef>>(
      "Where the client secret stands, in the server's namespace.",
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

const trustedCA: Schema<TrustedCA> = object<TrustedCA>(
  "A certificate authority to trust for the provider, besides the public ones.",
  {
    configMapName: required(string("Name of the ConfigMap, in the server's namespace.", nonEmpty)),
    key: withDefault("ca.crt", string("Key in the ConfigMap; its value is one or more certificates in PEM.", nonEmpty)),
  },
);

const discovery: Schema<Discovery> = object<Discovery>(
  "The provider's addresses, given instead of asked for: a provider that is down then does not keep the server from starting.",
  {
    loginUrl: required(string("Its authorization endpoint.", { ...nonEmpty, rules: [url("discovery.loginUrl")] })),
    redeemUrl: required(string("Its token endpoint.", { ...nonEmpty, rules: [url("discovery.redeemUrl")] })),
    jwksUrl: required(string("Its key set.", { ...nonEmpty, rules: [url("discovery.jwksUrl")] })),
  },
);

const oidc: Schema<Oidc> = object<Oidc>(
  "Login at an OpenID Connect provider. Who may enter: of the criteria that are given (user ids, e-mails, groups), each must match; without any, nobody may.",
  {
    enabled: withDefault(
      false,
      boolean("Whether people sign in at the provider. If false, Jupyter asks for its token."),
    ),
    issuerUrl: string("Issuer of the provider: `<issuerUrl>/.well-known/openid-configuration` describes it.", {
      rules: [url("issuerUrl")],
    }),
    clientId: string("Id of the client that is registered with the provider."),
    clientSecret,
    authorizedEmails: withDefault(
      [],
      list("E-mail addresses of those who may enter; upper and lower case are the same.", string("An e-mail address.")),
    ),
    authorizedGroups: withDefault(
      [],
      list("Groups whose members may enter, exactly as the provider names them.", string("A group.")),
    ),
    userId: string("Id (claim `sub`) of the one user who may enter.", nonEmpty),
    authorizedUserIds: list("Ids (claim `sub`) of further users who may enter.", string("A user id.", nonEmpty)),
    allowAnyUser: withDefault(false, boolean("Everybody who can sign in at the provider may enter.")),
    scopes: list(
      "Scopes to ask for. Unset: `openid`, `email` and `profile`, and `groups` if `authorizedGroups` has any.",
      string("A scope.", { pattern: "^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$" }),
    ),
    groupsClaim: withDefault("groups", string("Claim that holds the groups.", nonEmpty)),
    emailClaim: withDefault("email", string("Claim that holds the e-mail address.", nonEmpty)),
    allowUnverifiedEmail: withDefault(
      false,
      boolean("Accept an e-mail address that the provider says it has not verified."),
    ),
    trustedCA,
    discovery,
    extraAudiences: list("Audiences to accept besides the client id.", string("An audience.", nonEmpty)),
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
  "Who may use the server.",
  {
    token: string(
      "Token that Jupyter asks for. Unset: one is generated and kept in the server's Secret under `jupyterServerAppToken`. Empty: Jupyter asks for none, which leaves the server open to everybody unless `oidc` is enabled. A value stands in this object in clear text; `tokenSecretRef` is better.",
      {
        rules: [
          rule("!self.contains('\\n') && !self.contains('\\r')", "auth.token must be one line: remove the line break"),
        ],
      },
    ),
    tokenSecretRef: object<SecretKeyRef>("A Secret, in the server's namespace, that holds the token.", {
      name: required(string("Name of the Secret.", nonEmpty)),
      key: required(string("Key in the Secret.", nonEmpty)),
    }),
    oidc: withDefault({}, oidc),
  },
  {
    rules: [
      rule(
        "!(has(self.token) && has(self.tokenSecretRef))",
        "auth.token and auth.tokenSecretRef exclude each other: remove one of them",
      ),
    ],
  },
);
