import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

/** Playwright's own limit of 30 s is one that a busy machine misses. */
const TIMEOUT_MS = 120_000;

/**
 * Starts headless Chromium, Debian's by default; `AMALTHEA_CHROMIUM` names another.
 *
 * @param addresses Where hosts are to be found that no name service of this machine knows: `127.0.0.1:1234` by host.
 */
export function launchBrowser(addresses: Readonly<Record<string, string>> = {}): Promise<Browser> {
  const rules = Object.entries(addresses).map(([host, address]) => `MAP ${host} ${address}`);
  return chromium.launch({
    timeout: TIMEOUT_MS,
    executablePath: process.env["AMALTHEA_CHROMIUM"] ?? "/usr/bin/chromium",
    // Without these Chromium asks services of its vendor at start, which a test has no business with. A container's
    // root user cannot use its sandbox.
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
      ...(rules.length === 0 ? [] : [`--host-resolver-rules=${rules.join(",")}`]),
    ],
  });
}

/** A browser that nobody has used. It takes any certificate, for those of the tests are nobody's. */
export async function newBrowserContext(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  context.setDefaultTimeout(TIMEOUT_MS);
  return context;
}

/** Opens the launcher in a JupyterLab that shows something else. */
export async function openLauncher(page: Page): Promise<void> {
  await page.locator('.jp-FileBrowser [data-command="launcher:create"]').first().click();
}

/** Clicks an entry of JupyterLab's File menu. @param command Of the entry, such as `filemenu:logout`. */
export async function chooseInFileMenu(page: Page, command: string): Promise<void> {
  await page.locator(".lm-MenuBar-itemLabel", { hasText: /^File$/ }).click();
  await page.locator(`.lm-Menu-item[data-command="${command}"]`).click();
}

/** Opens a new notebook from the launcher and runs one cell; returns what the cell printed. */
export async function runInNewNotebook(page: Page, code: string): Promise<string> {
  await page.locator('.jp-LauncherCard[data-category="Notebook"]').first().click();
  await page.getByText(/^Python 3 .* \| Idle$/).waitFor(); // in the status bar: the kernel is there
  await page.locator(".jp-Notebook .cm-content").first().click();
  await page.keyboard.insertText(code);
  await page.keyboard.press("Shift+Enter");
  const output = page.locator(".jp-Notebook .jp-OutputArea-output").first();
  await output.waitFor();
  return (await output.innerText()).trim();
}
