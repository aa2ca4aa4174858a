/**
 * The front end: makes programs of kernels' sources. Pure but for {@link nodeSources}, which reads files.
 */
import { resolve } from 'node:path';
import type { Program } from '../program/program.js';
import { CompileError } from './compile-error.js';
import { compileKernel, kernelNames } from './kernels.js';
import { ModuleLoader, type SourceProvider } from './modules.js';
import { nodeSources } from './node-sources.js';

export { CompileError } from './compile-error.js';
export type { SourceProvider } from './modules.js';
export { nodeSources } from './node-sources.js';

/** What compiling a file gives: the kernels that compile, and why the others do not. */
export interface Compiled {
  /** By the name under which the file exports them. */
  readonly programs: ReadonlyMap<string, Program>;
  /** One for each kernel that does not compile. */
  readonly errors: readonly CompileError[];
}

/**
 * Compiles every kernel that a file exports: functions of a `Thread` that give a `KernelBody`, and constants of type
 * `Kernel<…>`.
 * @throws RangeError if there is no such file.
 */
export function compileKernels(sources: SourceProvider, path: string): Compiled {
  const loader = new ModuleLoader(sources);
  const module = load(loader, path);
  const programs = new Map<string, Program>();
  const errors: CompileError[] = [];
  for (const name of kernelNames(module)) {
    try {
      programs.set(name, compileKernel(loader, module, name, null));
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      errors.push(error);
    }
  }
  return { programs, errors };
}

/**
 * Compiles a kernel that is the value of an export, or of the field `key` of it.
 * @throws CompileError if it is not in the subset; RangeError if there is no such file or export.
 */
export function compileExport(sources: SourceProvider, path: string, name: string, key: string | null = null): Program {
  const loader = new ModuleLoader(sources);
  return compileExportWith(loader, path, name, key);
}

/** {@link compileExport} for many kernels of the same files: each file is parsed once. */
export function createCompiler(sources: SourceProvider): {
  readonly compile: (path: string, name: string, key?: string | null) => Program;
} {
  const loader = new ModuleLoader(sources);
  return { compile: (path, name, key = null) => compileExportWith(loader, path, name, key) };
}

function compileExportWith(loader: ModuleLoader, path: string, name: string, key: string | null): Program {
  const module = load(loader, path);
  if (loader.findExport(module, name) === null) throw new RangeError(`${module.display} exports no '${name}'`);
  return compileKernel(loader, module, name, key);
}

function load(loader: ModuleLoader, path: string) {
  const module = loader.load(path);
  if (module === null) throw new RangeError(`there is no source file ${path}`);
  return module;
}

/** {@link compileKernels} for a file on disk. */
export const compileFile = (path: string): Compiled =>
  compileKernels(nodeSources(), resolve(path).replaceAll('\\', '/'));
