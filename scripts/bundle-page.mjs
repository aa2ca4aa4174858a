// @ts-check
/**
 * The report's page as one script and one style sheet, with the digests that its Content-Security-Policy names, in place
 * of what tsc has made of src/report/page-bundle.ts: nothing is loaded when a page is opened.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @returns {Promise<string>} the text of the module page-bundle.js */
export async function bundlePage() {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/page/main.tsx', 'src/page/style.css'],
    outdir: 'page',
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: ['chrome100', 'firefox100', 'safari15'],
    tsconfig: 'src/page/tsconfig.json',
    logLevel: 'warning',
    charset: 'ascii',
  });
  const textOf = (/** @type {string} */ ending) =>
    (outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '').trim();
  const script = textOf('.js');
  // It stands in an element of its own, whose end must not be found within it.
  if (/<\/script|<!--/i.test(script)) throw new Error('the bundle of the page holds </script or <!--');
  const style = textOf('.css');
  const page = { script, style, scriptDigest: digestOf(script), styleDigest: digestOf(style) };
  return `export const PAGE = ${JSON.stringify(page)};\n`;
}

/** Writes it, if it is not there. */
export async function writePageBundle() {
  const target = join(root, 'dist/report/page-bundle.js');
  const text = await bundlePage();
  if (readFileSync(target, 'utf8') === text) return;
  // In one go: others may be loading it.
  writeFileSync(`${target}.${process.pid}`, text);
  renameSync(`${target}.${process.pid}`, target);
}

/** As a Content-Security-Policy names it. @param {string} text */
const digestOf = (text) => `sha256-${createHash('sha256').update(text).digest('base64')}`;
