import { describe, expect, it } from "vitest";
import { endSessionAddress, promptForAccount } from "./provider-urls.ts";

const metadata = { scopes: undefined, userInfoUrl: undefined, endSessionUrl: undefined, prompts: undefined };

describe("promptForAccount", () => {
  it.each([
    {
      provider: "offers a choice",
      known: { ...metadata, prompts: ["login", "select_account"] },
      prompt: "select_account",
    },
    { provider: "offers none", known: { ...metadata, prompts: ["none", "login"] }, prompt: "login" },
    { provider: "does not tell", known: metadata, prompt: "login" },
    { provider: "cannot be asked", known: undefined, prompt: "login" },
  ])("of a provider that $provider: $prompt", ({ known, prompt }) => {
    expect(promptForAccount(known, "https://login.example.org")).toBe(prompt);
  });

  it("knows that Google has a choice", () => {
    expect(promptForAccount(metadata, "https://accounts.google.com")).toBe("select_account");
  });
});

describe("endSessionAddress", () => {
  const session = { clientId: "jupyter", idToken: "a.b.c", returnTo: "https://x.example/a/oauth2/signed-out" };
  const returns = "client_id=jupyter&post_logout_redirect_uri=https%3A%2F%2Fx.example%2Fa%2Foauth2%2Fsigned-out";

  it("names the session, the client and the way back", () => {
    const address = endSessionAddress("https://login.example.org/logout?x=1", session);
    expect(address).toBe(`https://login.example.org/logout?x=1&id_token_hint=a.b.c&${returns}`);
  });

  it("goes without the session if it is not known", () => {
    const address = endSessionAddress("https://login.example.org/logout", { ...session, idToken: "" });
    expect(address).toBe(`https://login.example.org/logout?${returns}`);
  });
});
