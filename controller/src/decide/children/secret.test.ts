import { describe, expect, it } from "vitest";
import { aServer } from "../testing/builders.ts";
import { valueAt } from "../values/json.ts";
import { secret } from "./secret.ts";

describe("the Secret of a server with a login", () => {
  it.each(["s3cret", "s3cret\n", "s3cret\r\n"])(
    "has the client's secret %j without the line break of a file",
    (value) => {
      const server = aServer({ oidc: { enabled: true, clientSecret: { value } } });
      expect(valueAt(secret({ server }), "stringData", "oidcClientSecret")).toBe("s3cret");
    },
  );
});
