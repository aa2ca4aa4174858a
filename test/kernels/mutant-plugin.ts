import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vitest/config';
import { isMutantName, MUTANTS, type Mutant } from './mutants.js';

const KERNELS = fileURLToPath(new URL('../../src/kernels/', import.meta.url));
const QUERY = /\?mutant=([^&]+)$/;

/**
 * Serves `src/kernels/FILE?mutant=NAME`: the file with the planted bug of that name, and everything that it imports from
 * `src/kernels` with the same bug. All other modules stay the ones that everybody else imports.
 * @throws Error unless the text that a bug replaces occurs exactly once.
 */
export function kernelMutants(): Plugin {
  return {
    name: 'simtwin:kernel-mutants',
    enforce: 'pre',
    async resolveId(source, importer, options) {
      const query = QUERY.exec(source)?.[0] ?? QUERY.exec(importer ?? '')?.[0];
      if (query === undefined) return null;
      const resolved = await this.resolve(source.replace(QUERY, ''), importer?.replace(QUERY, ''), {
        ...options,
        skipSelf: true,
      });
      return resolved?.id.startsWith(KERNELS) ? resolved.id + query : resolved;
    },
    load(id) {
      const name = decodeURIComponent(QUERY.exec(id)?.[1] ?? '');
      if (name === '') return null;
      const path = id.replace(QUERY, '');
      return mutantText(name, path) ?? readFileSync(path, 'utf8');
    },
  };
}

/** The file of `src/kernels` that the planted bug of that name is in. */
export const mutantFile = (name: string): string => mutantOf(name).file;

/**
 * The text of a file with the planted bug of that name; null: the bug is in another file.
 * @throws Error unless the text that the bug replaces occurs exactly once.
 */
export function mutantText(name: string, path: string): string | null {
  const { file, replace, by } = mutantOf(name);
  if (path !== join(KERNELS, file)) return null;
  const text = readFileSync(path, 'utf8');
  if (text.split(replace).length !== 2) {
    throw new Error(`mutant '${name}': '${replace}' must occur exactly once in src/kernels/${file}`);
  }
  return text.replace(replace, () => by);
}

function mutantOf(name: string): Mutant {
  if (!isMutantName(name)) throw new Error(`there is no mutant '${name}' in test/kernels/mutants.ts`);
  return MUTANTS[name];
}
