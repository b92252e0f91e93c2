import type { Browser, BrowserContext, Page } from "playwright-core";
import { newBrowserContext } from "./browser.ts";
import type { UserName } from "./identity-provider.ts";
import { fetchThroughIngress, until, type Answer } from "./cluster.ts";

/** Fills in the provider's form, to which an unknown browser has been sent. */
export async function fillLogin(page: Page, user: UserName): Promise<void> {
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password").fill(user);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Somebody who has signed in, with a browser of their own. */
export type SignedIn = {
  readonly context: BrowserContext;
  readonly page: Page;
  /** The `Cookie` header that this browser sends to the server. */
  readonly cookie: () => Promise<string>;
  /** A request as this person's scripts send it, without what only browsers add, and how many seconds to wait. */
  readonly ask: (path: string, headers?: Readonly<Record<string, string>>, seconds?: number) => Promise<Answer>;
};

/** What to open where no JupyterLab is needed: that takes a browser seconds. */
export const STATUS = "/api/status";

/** Opens a page in a browser that nobody has used, and signs in at the provider. */
export function signIn(browser: Browser, serverUrl: string, user: UserName, path = "/lab"): Promise<SignedIn> {
  return signInWith(browser, serverUrl, path, (page) => fillLogin(page, user));
}

/** The same with any provider. @param fill Fills in its form. */
export async function signInWith(
  browser: Browser,
  serverUrl: string,
  path: string,
  fill: (page: Page) => Promise<void>,
): Promise<SignedIn> {
  const context = await newBrowserContext(browser);
  const page = await context.newPage();
  await page.goto(`${serverUrl}${path}`);
  await fill(page);
  await page.waitForURL((url) => url.href.startsWith(serverUrl));
  const cookie = async (): Promise<string> =>
    (await context.cookies(`${serverUrl}/`)).map(({ name, value }) => `${name}=${value}`).join("; ");
  const ask: SignedIn["ask"] = async (below, headers = {}, seconds = 30) =>
    fetchThroughIngress(`${serverUrl}${below}`, { headers: { cookie: await cookie(), ...headers }, seconds });
  return { context, page, cookie, ask };
}

/**
 * Signs in as a person would at a provider that has just been started: again, if the sign-in did not work. Browsers may
 * reach the provider a moment before pods do, for each way learns of its new address by itself.
 */
export async function signInAgain(browser: Browser, serverUrl: string, user: UserName): Promise<SignedIn> {
  const attempt = async (): Promise<SignedIn> => {
    const signedIn = await signIn(browser, serverUrl, user, STATUS);
    if (!new URL(signedIn.page.url()).pathname.endsWith("/oauth2/callback")) return signedIn;
    await signedIn.context.close();
    throw new Error("the sign-in did not work");
  };
  return until(attempt, () => true, 120);
}
