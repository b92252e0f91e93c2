import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REFUSAL_STATUS, type RefusalReason } from "./access.ts";
import {
  errorPage,
  escapeHtml,
  PAGE_HEADERS,
  problemPage,
  refusalBody,
  refusalPage,
  signedOutPage,
  signOutPage,
  type SignInProblem,
} from "./pages.ts";

const context = { serverName: "my-server", basePath: "/sessions/a" };
const alice = { userId: "u-1", email: "alice@example.org", groups: ["secret-group"] };
const problems: readonly SignInProblem[] = [
  "Stale",
  "Denied",
  "UnknownScope",
  "ClientRefused",
  "SecretRefused",
  "ProviderUnavailable",
  "ProviderError",
  "NotAccepted",
  "Failed",
  "NotSignedIn",
  "ForeignSignOut",
  "NotFound",
];
const reasons = Object.keys(REFUSAL_STATUS) as RefusalReason[];

describe("refusalBody", () => {
  it.each([
    { origins: ["https://x.example"], basePath: "/sessions/a", signIn: "https://x.example/sessions/a/" },
    { origins: [], basePath: "/", signIn: "/" },
  ])("says where to sign in: $signIn", ({ origins, basePath, signIn }) => {
    const body = refusalBody("NotSignedIn", { origins, basePath });
    expect(body).toMatchObject({ error: "NotSignedIn", signIn });
    expect(body["message"]).toContain("in another tab to sign in");
  });

  it("sends nobody to the login who has signed in, or has shown a token", () => {
    for (const reason of reasons.filter((one) => one !== "NotSignedIn")) {
      expect(Object.keys(refusalBody(reason, { origins: [], basePath: "/" }))).toEqual(["error", "message"]);
    }
  });
});

describe("refusalPage", () => {
  it.each(reasons)("%s: says who is signed in and which server this is, and offers a way out", (reason) => {
    const page = refusalPage(reason, alice, context);
    expect(page).toContain("<dd>my-server</dd>");
    expect(page).toContain("<dd>alice@example.org</dd>");
    expect(page).toMatch(/<a href="[^"]*">/);
    expect(page).not.toContain("secret-group");
  });

  it("names the user id when there is no e-mail address", () => {
    expect(refusalPage("UserIdNotAuthorized", { ...alice, email: "" }, context)).toContain("<dd>u-1</dd>");
  });

  it.each([
    { basePath: "/", href: "/oauth2/sign_out" },
    { basePath: "/sessions/a", href: "/sessions/a/oauth2/sign_out" },
  ])("at $basePath the sign-out link is $href", ({ basePath, href }) => {
    expect(refusalPage("EmailNotAuthorized", alice, { ...context, basePath })).toContain(`href="${href}"`);
  });

  it("offers to sign in when nobody is known", () => {
    expect(refusalPage("NotSignedIn", undefined, context)).toContain('href="/sessions/a/oauth2/start"');
  });

  it("lets no text of others become markup", () => {
    const unit = fc.constantFrom("<", ">", '"', "'", "&", "script", " ", "=", "-->", "a");
    fc.assert(
      fc.property(fc.string({ unit }), fc.string({ unit }), (email, serverName) => {
        const page = refusalPage("EmailNotAuthorized", { ...alice, email, userId: email }, { ...context, serverName });
        const plain = refusalPage(
          "EmailNotAuthorized",
          { ...alice, email: "x", userId: "x" },
          { ...context, serverName: "x" },
        );
        const tags = (html: string): string[] => html.match(/<[^>]*>/g) ?? [];
        expect(tags(page)).toEqual(tags(plain));
      }),
    );
  });
});

describe("every page", () => {
  it.each([
    ["refusal", refusalPage("NobodyAuthorized", alice, context)],
    ["error", errorPage(502, context)],
    ...problems.map((problem) => [problem, problemPage(problem, context).page]),
    ["sign out?", signOutPage(context)],
    ["signed out", signedOutPage(context)],
  ])("%s: has a language, a title, one heading, a main part, and loads nothing", (_name, page) => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toMatch(/<title>[^<]+<\/title>/);
    expect(page.match(/<h1>/g)).toHaveLength(1);
    expect(page).toContain("<main>");
    expect(page).not.toMatch(/<script|<img|<link|src=|url\(|style=/);
  });

  it("its style is the one the policy of the page allows", () => {
    const style = /<style>([\s\S]*)<\/style>/.exec(errorPage(500, context))?.[1] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    expect(PAGE_HEADERS["Content-Security-Policy"]).toContain(`'sha256-${hash}'`);
  });
});

describe("escapeHtml", () => {
  it("escapes what ends text or an attribute", () => {
    expect(escapeHtml(`<a href="x" b='y'>&`)).toBe("&#60;a href=&#34;x&#34; b=&#39;y&#39;&#62;&#38;");
  });
});
