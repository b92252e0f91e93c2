import { chromium, type Browser, type Page } from "playwright-core";

/** Starts headless Chromium, Debian's by default; `AMALTHEA_CHROMIUM` names another. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
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
    ],
  });
}

/** Opens the launcher in a JupyterLab that shows something else. */
export async function openLauncher(page: Page): Promise<void> {
  await page.locator('.jp-FileBrowser [data-command="launcher:create"]').first().click();
}

/** Opens a new notebook from the launcher and runs one cell; returns what the cell printed. */
export async function runInNewNotebook(page: Page, code: string): Promise<string> {
  await page.locator('.jp-LauncherCard[data-category="Notebook"]').first().click();
  await page.getByText(/^Python 3 .* \| Idle$/).waitFor({ timeout: 60_000 }); // in the status bar: the kernel is there
  await page.locator(".jp-Notebook .cm-content").first().click();
  await page.keyboard.insertText(code);
  await page.keyboard.press("Shift+Enter");
  const output = page.locator(".jp-Notebook .jp-OutputArea-output").first();
  await output.waitFor({ timeout: 60_000 });
  return (await output.innerText()).trim();
}
