import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds `package.json`. */
export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The code files under `folder`, at any depth, sorted; paths are relative to the repository root and use `/`.
 * A folder that does not exist holds no files.
 */
export function codeFilesUnder(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => /\.[cm]?[jt]sx?$/.test(name))
    .map((name) => `${folder}/${name.split(sep).join('/')}`)
    .sort();
}

/** The texts of files, by path, as the checkers of this folder take them. */
export function readSources(paths: readonly string[]): Map<string, string> {
  return new Map(paths.map((path) => [path, readFileSync(join(repositoryRoot, path), 'utf8')]));
}
