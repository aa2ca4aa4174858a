import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The system's Chromium; null: there is none. `SIMTWIN_CHROMIUM` names another. */
const executable =
  process.env.SIMTWIN_CHROMIUM ??
  (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find(isExecutable) ??
  null;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Why tests of the page cannot run here; null: they can. In CI they must. */
export const noBrowser = ((): string | null => {
  if (executable !== null) return null;
  const reason = 'no Chromium here: apt-get install chromium, or name one in SIMTWIN_CHROMIUM';
  if (process.env.CI !== undefined && process.env.CI !== '') throw new Error(reason);
  return reason;
})();

/** A page with everything in it that must not be. */
export interface OpenedPage {
  readonly page: Page;
  /** Messages of the console, errors, and whatever it asked for beside the file itself. */
  readonly complaints: readonly string[];
}

/** Opens HTML files in one browser for the tests of a file. */
export function useBrowser(): {
  readonly open: (html: string, options?: BrowserContextOptions) => Promise<OpenedPage>;
} {
  let browser: Browser | null = null;
  let folder = '';
  let count = 0;
  beforeAll(async () => {
    if (executable === null) return;
    folder = mkdtempSync(join(tmpdir(), 'simtwin-report-'));
    // Containers have no user namespaces, which the sandbox needs; only files of these tests are opened.
    browser = await chromium.launch({ executablePath: executable, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    if (folder !== '') rmSync(folder, { recursive: true });
  });
  return {
    open: async (html, options = {}) => {
      if (browser === null) throw new Error('[simtwin bug] no browser runs');
      const file = join(folder, `${count++}.html`);
      writeFileSync(file, html);
      const url = pathToFileURL(file).href;
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(`console ${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
      page.on('dialog', (dialog) => {
        complaints.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on('request', (request) => {
        if (request.url() !== url) complaints.push(`request: ${request.url()}`);
      });
      await page.goto(url);
      return { page, complaints };
    },
  };
}
