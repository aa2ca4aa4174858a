// @ts-check
/**
 * Puts the compiled programs of the package's kernels into dist/kernels/programs.js, in place of what tsc has made of
 * src/kernels/programs.ts. Does nothing if they are there and all sources that have a part in them are the same.
 *
 * A kernel that does not compile is reported and runs in mode `ref`.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'dist/kernels/programs.js');
/** The kernels, what their sources import, the compiler, and the back end that emits ahead of time. */
const FOLDERS = ['src/kernels', 'src/simt', 'src/program', 'src/compile', 'src/fast'];

/** @returns {Promise<boolean>} whether every kernel compiles */
export async function compileKernels() {
  const stamp = `// Compiled from sources with the digest ${digestOfSources()}.`;
  if (readFileSync(target, 'utf8').startsWith(stamp)) return true;
  /** @type {typeof import('../src/compile/index.js')} */
  const { CompileError, createCompiler, nodeSources } = await fromDist('compile/index.js');
  /** @type {typeof import('../src/kernels/catalog.js')} */
  const { KERNEL_CATALOG } = await fromDist('kernels/catalog.js');
  /** @type {typeof import('../src/program/compiled-file.js')} */
  const { programTexts } = await fromDist('program/compiled-file.js');
  /** @type {typeof import('../src/fast/index.js')} */
  const { emitAhead } = await fromDist('fast/index.js');
  const compiler = createCompiler(nodeSources());
  /** @type {Map<string, import('../src/program/index.js').Program>} */
  const programs = new Map();
  let isComplete = true;
  for (const { name, port } of KERNEL_CATALOG) {
    try {
      programs.set(name, emitAhead(compiler.compile(`${root.split(sep).join('/')}${port}`, name)));
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      console.error(error.message);
      isComplete = false;
    }
  }
  // What is not complete is tried again by the next build.
  const text = `${isComplete ? `${stamp}\n` : ''}export const PROGRAMS = ${JSON.stringify(programTexts(programs))};\n`;
  // In one go: others may be loading it.
  writeFileSync(`${target}.${process.pid}`, text);
  renameSync(`${target}.${process.pid}`, target);
  return isComplete;
}

/** @param {string} path within dist */
const fromDist = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);

function digestOfSources() {
  const hash = createHash('sha256');
  for (const folder of FOLDERS) {
    for (const name of readdirSync(join(root, folder)).sort()) {
      if (name.endsWith('.ts')) hash.update(`${folder}/${name}\n`).update(readFileSync(join(root, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
