import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Program, staleFiles } from '../index.js';

/** The package's folder, whether this file runs from `src` or from `dist`. */
const packageFolder = new URL('../../', import.meta.url);

/** The version of simtwin, from its package.json. */
export function simtwinVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('package.json', packageFolder), 'utf8')) as { version: string };
  return version;
}

/** The lines of a source file of the package, by a path such as `src/kernels/x.ts`. Null: there is no such file. */
export const readSourceLines = (path: string): readonly string[] | null => readSource(path)?.split('\n') ?? null;

/** Why the compiled form of one of the package's kernels must not run: its source has changed since. Null: it may. */
export function refuseStaleProgram(program: Program): string | null {
  const [stale] = staleFiles([program], readSource);
  return stale === undefined ? null : `${stale.path} has changed since it was compiled: npm run build`;
}

const texts = new Map<string, string | undefined>();

/** The text of a source file of the package, as it was when it was first asked for; undefined: there is no such file. */
function readSource(path: string): string | undefined {
  if (!/^src\/(?:[\w-]+\/)*[\w.-]+\.ts$/.test(path)) return undefined;
  if (texts.has(path)) return texts.get(path);
  let text: string | undefined;
  try {
    text = readFileSync(new URL(path, packageFolder), 'utf8');
  } catch {}
  texts.set(path, text);
  return text;
}

/** Where a source file of the package lies, by a path such as `src/kernels/x.ts`. Null: there is no such file. */
export const sourceFilePath = (path: string): string | null =>
  readSource(path) === undefined ? null : fileURLToPath(new URL(path, packageFolder));

/** The text of a source file of the package. Null: there is no such file. */
export const readSourceText = (path: string): string | null => readSource(path) ?? null;
