import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { KERNEL_CATALOG } from '../../src/kernels/catalog.js';
import type { Program } from '../../src/program/index.js';
import { repositoryRoot } from '../support/files.js';

/** A change of a source: `replace` occurs exactly once in the file. */
export interface Patch {
  /** File of `src/kernels`. */
  readonly file: string;
  readonly replace: string;
  readonly by: string;
}

const root = repositoryRoot.replaceAll('\\', '/').replace(/\/$/, '');

/**
 * The program of a ported kernel, compiled from its sources with changes. Nothing is written or registered.
 * @throws Error unless each text that is to be replaced occurs exactly once.
 */
export function compilePatched(kernel: string, patches: readonly Patch[]): Program {
  const key = JSON.stringify([kernel, patches]);
  const program = known.get(key) ?? compile(kernel, patches);
  known.set(key, program);
  return program;
}

const known = new Map<string, Program>();

function compile(kernel: string, patches: readonly Patch[]): Program {
  const port = KERNEL_CATALOG.find(({ name }) => name === kernel)?.port;
  if (port === undefined) throw new Error(`there is no kernel '${kernel}'`);
  const sources = nodeSources();
  const texts = new Map<string, string>();
  for (const { file, replace, by } of patches) {
    const path = `${root}/src/kernels/${file}`;
    const text = texts.get(path) ?? sources.read(path);
    if (text?.split(replace).length !== 2) {
      throw new Error(`patch: '${replace}' must occur exactly once in src/kernels/${file}`);
    }
    texts.set(
      path,
      text.replace(replace, () => by),
    );
  }
  const read = (path: string): string | undefined => texts.get(path) ?? sources.read(path);
  return createCompiler({ ...sources, read }).compile(`${root}/${port}`, kernel);
}
