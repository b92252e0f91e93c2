import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser, newBrowserContext, runInNewNotebook } from "./browser.ts";
import { apply, leaveNamespace, until, useNamespace } from "./cluster.ts";
import { commandsOfGuide } from "./guide.ts";
import { applyWithLogin, untilAsksForLogin } from "./identity-provider.ts";
import { Kernel } from "./kernel.ts";
import { fillKeycloakLogin, type Keycloak, startKeycloak } from "./keycloak.ts";
import { TestServer } from "./server.ts";
import { type SignedIn, signInWith, STATUS } from "./sign-in.ts";

const execute = promisify(execFile);

type Person = "alice" | "leaver" | "bob" | "guest" | "disabled" | "unverified" | "nowhere";

/** What Keycloak knows of everybody in the realm, besides a name and a verified address. */
const PEOPLE: Readonly<Record<Person, Readonly<Record<string, unknown>>>> = {
  alice: { groups: ["/physics"], realmRoles: ["scientist"] },
  leaver: { groups: ["/physics"] },
  bob: { groups: ["/chemistry"] },
  guest: { groups: ["/guests/physics"] },
  disabled: { groups: ["/physics"], enabled: false },
  unverified: { emailVerified: false, groups: ["/physics"] },
  nowhere: { email: undefined, groups: ["/physics"] },
};

const REALM = "lab";

/** Keycloak's start and its command line take half a minute of one core each. */
const SETUP_MS = 600_000;

let namespace: string;
let keycloak: Keycloak;
let browser: Browser;
let programsSecret: string;
/** For a group by its path, with the client of the guide. */
let byPath: TestServer;
/** For a group by its name. */
let byName: TestServer;
/** For a role. */
let byRole: TestServer;
/** For e-mail addresses. */
let byEmail: TestServer;

beforeAll(async () => {
  namespace = await useNamespace("e2e-keycloak");
  keycloak = await startKeycloak(namespace);
  browser = await launchBrowser(keycloak.addresses);
  [byPath, byName, byRole, byEmail] = [
    new TestServer("by-path", namespace),
    new TestServer("by-name", namespace),
    new TestServer("by-role", namespace),
    new TestServer("by-email", namespace),
  ];
  // On a busy machine a minute, as by default, may end within one of kcadm's commands.
  await keycloak.administer("PUT", "/master", { accessTokenLifespan: 600 });
  const guideClient = await followGuide();
  await addPeople();
  const nameClient = await addClient("by-name", [groupMapper({ fullPath: false })]);
  await applyWithLogin(byPath, guideClient, { authorizedGroups: ["/physics"], session: { renewalSeconds: 5 } });
  await applyWithLogin(byName, nameClient, { authorizedGroups: ["physics"] });
  programsSecret = await followGuideForPrograms();
  const groupsClaim = "realm_access.roles";
  const bearer = { enabled: true, audiences: ["jupyter-programs"] };
  const roles = { authorizedGroups: ["scientist"], groupsClaim, bearer, endProviderSession: true };
  await applyWithLogin(byRole, guideClient, roles);
  const authorizedEmails = ["alice@example.org", "unverified@example.org"];
  await applyWithLogin(byEmail, guideClient, { authorizedEmails });
  for (const server of [byPath, byName, byRole, byEmail]) await untilAsksForLogin(server);
}, SETUP_MS);

afterAll(async () => {
  await browser?.close();
  await leaveNamespace(namespace);
});

/** A client of Keycloak, as `spec.auth.oidc` names it. */
type Client = { readonly client: Readonly<Record<string, unknown>> };

/** Runs the commands of the guide in their order, in one shell. */
async function followGuide(): Promise<Client> {
  const example = {
    "https://login.example.org": "http://localhost:8080",
    "https://jupyter.example.org": new URL(byPath.url).origin,
  };
  const blocks = ["keycloak: realm and client", "keycloak: groups", "keycloak: roles"];
  const commands = await Promise.all(blocks.map((title) => commandsOfGuide(title, example)));
  const printed = await keycloak.run(commands.join("\n"));
  const secret = /"value" : "([^"]+)"/.exec(printed)?.[1];
  if (secret === undefined) throw new Error(`the guide's commands printed no secret: ${printed}`);
  return clientWith("jupyter", secret);
}

/** @returns The secret of the client for programs. */
async function followGuideForPrograms(): Promise<string> {
  const blocks = ["keycloak: programs", "keycloak: role of programs"];
  const commands = await Promise.all(blocks.map((title) => commandsOfGuide(title, {})));
  const printed = await keycloak.run(commands.join("\n"));
  const secret = /"value" : "([^"]+)"/.exec(printed)?.[1];
  if (secret === undefined) throw new Error(`the guide's commands printed no secret: ${printed}`);
  return secret;
}

/** Runs commands of the guide on this machine, where addresses in the cluster lead to its ingress controller. */
async function runHere(titles: readonly string[], end: string, before = ""): Promise<string> {
  const { host } = new URL(keycloak.url);
  const example = { "https://login.example.org": keycloak.url, "https://jupyter.example.org/my-notebook": byRole.url };
  const commands = await Promise.all(titles.map((title) => commandsOfGuide(title, example)));
  const [address = ""] = Object.values(keycloak.addresses);
  const home = await mkdtemp(join(tmpdir(), "amalthea-curl-"));
  await writeFile(join(home, ".curlrc"), `connect-to = "${host}:80:${address}"\n`);
  const env = { PATH: process.env["PATH"], HOME: home, SECRET: programsSecret };
  const { stdout } = await execute("sh", ["-ec", [before, ...commands, end].join("\n")], { env });
  await rm(home, { recursive: true });
  return stdout.trim();
}

async function addClient(clientId: string, protocolMappers: readonly object[]): Promise<Client> {
  const secret = randomBytes(16).toString("hex");
  const redirectUris = [`${new URL(byPath.url).origin}/*`];
  await keycloak.administer("POST", `/${REALM}/clients`, { clientId, secret, redirectUris, protocolMappers });
  return clientWith(clientId, secret);
}

async function clientWith(clientId: string, secret: string): Promise<Client> {
  const name = `keycloak-${clientId}`;
  const stringData = { clientSecret: secret };
  await apply({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData });
  const clientSecret = { secretKeyRef: { name, key: "clientSecret" } };
  return { client: { enabled: true, issuerUrl: `${keycloak.url}/realms/${REALM}`, clientId, clientSecret } };
}

function groupMapper({ fullPath }: { readonly fullPath: boolean }): object {
  return {
    name: "groups",
    protocol: "openid-connect",
    protocolMapper: "oidc-group-membership-mapper",
    config: { "claim.name": "groups", "full.path": String(fullPath), "id.token.claim": "true" },
  };
}

async function addPeople(): Promise<void> {
  await allowNoEmail();
  await keycloak.administer("POST", `/${REALM}/partialImport`, {
    groups: [group("/physics"), group("/chemistry"), { ...group("/guests"), subGroups: [group("/guests/physics")] }],
    roles: { realm: [{ name: "scientist" }] },
  });
  const users = Object.entries(PEOPLE).map(([username, claims]) => ({
    username,
    enabled: true,
    email: `${username}@example.org`,
    emailVerified: true,
    firstName: username,
    lastName: "Example",
    credentials: [{ type: "password", value: username }],
    ...claims,
  }));
  await keycloak.administer("POST", `/${REALM}/partialImport`, { users });
}

function group(path: string): object {
  return { name: path.slice(path.lastIndexOf("/") + 1), path };
}

type Profile = { readonly attributes: readonly { readonly name: string; readonly required?: object }[] };

/** As it comes, Keycloak asks whoever signs in without an address for one. */
async function allowNoEmail(): Promise<void> {
  const profile = (await keycloak.administer("GET", `/${REALM}/users/profile`)) as Profile;
  const attributes = profile.attributes.map(({ required, ...attribute }) =>
    attribute.name === "email" || required === undefined ? attribute : { ...attribute, required },
  );
  await keycloak.administer("PUT", `/${REALM}/users/profile`, { ...profile, attributes });
}

function signInAs(person: Person, server: TestServer, path = "/lab"): Promise<SignedIn> {
  return signInWith(browser, server.url, path, (page) => fillKeycloakLogin(page, person));
}

/** The status with which the server answers somebody who has signed in. */
async function statusFor(person: Person, server: TestServer): Promise<number> {
  const { context, ask } = await signInAs(person, server, STATUS);
  const { status } = await ask(STATUS);
  await context.close();
  return status;
}

/** A page of a browser that nobody has used, at Keycloak's form. */
async function openForm(server: TestServer): Promise<Page> {
  const page = await (await newBrowserContext(browser)).newPage();
  await page.goto(`${server.url}/lab`);
  await page.locator("#username").waitFor();
  return page;
}

describe("Keycloak as the guide sets it up", () => {
  it("signs a member of the group in, who runs a cell", async () => {
    const { page, context } = await signInAs("alice", byPath);
    expect(await runInNewNotebook(page, "print(6 * 7)")).toBe("42");
    await context.close();
  });

  it("leads members of other groups to a page of ours", async () => {
    const { page, context } = await signInAs("bob", byPath);
    expect(await page.locator("body").innerText()).toContain("You may not use this server");
    await context.close();
  });

  it("does not take a group of the same name elsewhere for the one that is meant", async () => {
    expect(await statusFor("guest", byPath)).toBe(403);
  });

  it("tells groups by their names if it is told so, wherever they are", async () => {
    expect(await statusFor("alice", byName)).toBe(200);
    expect(await statusFor("guest", byName)).toBe(200);
    expect(await statusFor("bob", byName)).toBe(403);
  });

  it("gives roles in a claim within a claim", async () => {
    expect(await statusFor("alice", byRole)).toBe(200);
    expect(await statusFor("bob", byRole)).toBe(403);
  });

  it("vouches for the addresses that it has verified, and only these count", async () => {
    expect(await statusFor("alice", byEmail)).toBe(200);
    expect(await statusFor("nowhere", byEmail)).toBe(403);
    const { page, context } = await signInAs("unverified", byEmail);
    expect(await page.locator("body").innerText()).toContain("spec.auth.oidc.allowUnverifiedEmail");
    await context.close();
  });

  it("lets members of a group in whatever it knows of their addresses", async () => {
    expect(await statusFor("unverified", byPath)).toBe(200);
    expect(await statusFor("nowhere", byPath)).toBe(200);
  });

  it("lets nobody in who is disabled there", async () => {
    const page = await openForm(byPath);
    await fillKeycloakLogin(page, "disabled");
    await page.getByText("Account is disabled").waitFor();
    await page.context().close();
  });
});

describe("a program, with a token that it gets as README and guide say", () => {
  it("runs a kernel as a job, over HTTP and a WebSocket", async () => {
    const token = await runHere(["token: of a job"], 'echo "$TOKEN"');
    const kernel = await Kernel.start(byRole, token);
    expect(await kernel.run("print(6 * 7)")).toBe("42");
    expect((await byRole.ask("/api/kernels", await keycloak.administratorToken())).status).toBe(401);
  });

  it("is the person who has signed in for it, in Jupyter, too", async () => {
    const device = await runHere(["token: of a person"], 'echo "$DEVICE"');
    const [answer = "", address = ""] = device.split("\n").toReversed();
    const page = await (await newBrowserContext(browser)).newPage();
    await page.goto(address);
    await fillKeycloakLogin(page, "alice");
    await page.locator("#kc-login").click();
    await page.getByText("Device Login Successful").waitFor();
    await page.context().close();
    const me = await runHere(["token: of a person who has signed in", "token: used"], "", `DEVICE='${answer}'`);
    expect(JSON.parse(me)).toMatchObject({ identity: { display_name: "alice" } });
  });
});

describe("what happens at Keycloak while people are signed in", () => {
  let alice: SignedIn;

  beforeAll(async () => {
    alice = await signInAs("alice", byPath, STATUS);
  });

  it("new signing keys disturb nobody, and others sign in with them", async () => {
    await rotateKeys();
    expect((await alice.ask("/api/status")).status).toBe(200);
    expect(await statusFor("alice", byPath)).toBe(200);
  });

  it("a restart disturbs nobody, and others sign in after it", async () => {
    await keycloak.restart();
    expect((await alice.ask("/api/status")).status).toBe(200);
    expect(await statusFor("alice", byPath)).toBe(200);
  });

  it("whoever is disabled there is out, and nobody else", async () => {
    const leaver = await signInAs("leaver", byPath, STATUS);
    expect((await leaver.ask("/api/status")).status).toBe(200);
    const users = (await keycloak.administer("GET", `/${REALM}/users?username=leaver`)) as readonly { id: string }[];
    await keycloak.administer("PUT", `/${REALM}/users/${users[0]?.id}`, { enabled: false });
    await until(
      () => leaver.ask("/api/status"),
      ({ status }) => status === 401,
    );
    expect((await alice.ask("/api/status")).status).toBe(200);
    await leaver.context.close();
  });

  it("a sign-out ends its session as well where that is wanted, and ends on our page", async () => {
    const { page, context } = await signInAs("alice", byRole, STATUS);
    await page.goto(`${byRole.url}/oauth2/sign_out`);
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
    await page.goto(`${byPath.url}/lab`);
    await page.locator("#username").waitFor();
    await context.close();
  });

  it("with a session there nobody is asked again, until it is ended there", async () => {
    await alice.page.goto(`${byRole.url}/api/status`);
    expect(alice.page.url()).toBe(`${byRole.url}/api/status`);
    await alice.page.goto(`${keycloak.url}/realms/${REALM}/protocol/openid-connect/logout`);
    await alice.page.locator("#kc-logout").click();
    await alice.page.getByRole("heading", { name: "You are logged out" }).waitFor();
    await alice.page.goto(`${byName.url}/lab`);
    await alice.page.locator("#username").waitFor();
  });
});

type Component = { readonly id: string; readonly name: string; readonly providerId: string };

/** Replaces the key that signs, at once: what the old one signed cannot be checked any more. */
async function rotateKeys(): Promise<void> {
  const keys = "org.keycloak.keys.KeyProvider";
  const { id: parentId } = (await keycloak.administer("GET", `/${REALM}`)) as { readonly id: string };
  const before = (await keycloak.administer("GET", `/${REALM}/components?type=${keys}`)) as readonly Component[];
  await keycloak.administer("POST", `/${REALM}/components`, {
    ...{ name: "rotated", providerId: "rsa-generated", providerType: keys, parentId },
    config: { priority: ["200"] },
  });
  for (const { id } of before.filter(({ providerId }) => providerId === "rsa-generated")) {
    await keycloak.administer("DELETE", `/${REALM}/components/${id}`);
  }
}
