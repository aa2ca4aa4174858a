import { readFileSync } from 'node:fs';

/** The package's folder, whether this file runs from `src` or from `dist`. */
const packageFolder = new URL('../../', import.meta.url);

/** The version of simtwin, from its package.json. */
export function simtwinVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('package.json', packageFolder), 'utf8')) as { version: string };
  return version;
}

/** The lines of a source file of the package, by a path such as `src/kernels/x.ts`. Null: there is no such file. */
export function readSourceLines(path: string): readonly string[] | null {
  if (!/^src\/(?:[\w-]+\/)*[\w.-]+\.ts$/.test(path)) return null;
  try {
    return readFileSync(new URL(path, packageFolder), 'utf8').split('\n');
  } catch {
    return null;
  }
}
