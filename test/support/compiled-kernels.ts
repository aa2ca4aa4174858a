import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vitest/config';
import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { KERNEL_CATALOG } from '../../src/kernels/catalog.js';
import { programTexts } from '../../src/program/compiled-file.js';
import type { Program } from '../../src/program/program.js';
import { mutantFile, mutantText } from '../kernels/mutant-plugin.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replaceAll('\\', '/');
const PROGRAMS = /\/src\/kernels\/programs\.ts(?:\?mutant=([^&]+))?$/;

/**
 * Serves `src/kernels/programs.ts` as the build makes it: with the programs of the kernels, compiled once a run. For
 * `…?mutant=NAME` the sources have the planted bug of that name.
 * @throws CompileError if a kernel does not compile.
 */
export function compiledKernels(): Plugin {
  let sound: ReadonlyMap<string, Program> | null = null;
  return {
    name: 'simtwin:compiled-kernels',
    enforce: 'pre',
    load(id) {
      const match = PROGRAMS.exec(id.replaceAll('\\', '/'));
      if (match === null) return null;
      sound ??= compileKernels();
      const mutant = match[1];
      const programs = mutant === undefined ? sound : compileMutant(decodeURIComponent(mutant), sound);
      return `export const PROGRAMS = ${JSON.stringify(programTexts(programs))};`;
    },
  };
}

function compileKernels(): Map<string, Program> {
  const compiler = createCompiler(nodeSources());
  return new Map(KERNEL_CATALOG.map(({ name, port }) => [name, compiler.compile(root + port, name)]));
}

/** The programs with a planted bug; those that have no part of the file with the bug are the sound ones. */
function compileMutant(mutant: string, sound: ReadonlyMap<string, Program>): Map<string, Program> {
  const sources = nodeSources();
  const compiler = createCompiler({ ...sources, read: (path) => mutantText(mutant, path) ?? sources.read(path) });
  const changed = `src/kernels/${mutantFile(mutant)}`;
  return new Map(
    KERNEL_CATALOG.map(({ name, port }) => {
      const isSound = sound.get(name)!.files.every(({ path }) => path !== changed);
      return [name, isSound ? sound.get(name)! : compiler.compile(root + port, name)];
    }),
  );
}
