import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileFile } from '../../src/compile/index.js';
import type { Program } from '../../src/program/program.js';
import { type Kernel, Machine, type SimtError, type Thread } from '../../src/simt/index.js';
import { repositoryRoot } from '../support/files.js';
import { interpret } from './interpreter.js';

const FILE = 'test/compile/kernels/faults.ts';
const { programs, errors } = compileFile(resolve(repositoryRoot, FILE));
const kernels: Readonly<Record<string, Kernel<unknown>>> = { ...((await import('./kernels/faults.js')) as object) };

/** Runs a kernel that fails. */
function failureOf(kernel: Kernel<unknown>): SimtError {
  const machine = new Machine();
  const words = machine.memory.upload('words', 'u32', new Uint32Array(64));
  machine.stream().launch(kernel, { grid: 1, block: 64 }, { n: 3, words });
  const outcome = machine.run();
  if (outcome.verdict !== 'error') throw new Error(`the kernel ${outcome.verdict}`);
  return outcome.error;
}

/** The stack that a program's tables give for a site, without the library's frames: function, file and line. */
function stackAt(program: Program, site: number): string[] {
  const lines: string[] = [];
  for (let at = site; at !== -1; ) {
    const { scope, line } = program.sites[at]!;
    const { functionName, file, isLibrary, callSite } = program.frames[program.scopes[scope]!.frame]!;
    if (!isLibrary) lines.push(`${functionName} ${program.files[file]!.path}:${line}`);
    at = callSite;
  }
  return lines;
}

test('all of them compile', () => {
  expect(errors.map(({ message }) => message)).toEqual([]);
  expect([...programs.keys()].sort()).toEqual(Object.keys(kernels).sort());
});

describe('a fault is where ref says that it is', () => {
  test.each(Object.keys(kernels))('%s', (name) => {
    const byRef = failureOf(kernels[name]!);
    const program = programs.get(name)!;
    const sites = new Map<Thread, number>();
    const byProgram = failureOf(interpret(program, (thread, site) => sites.set(thread, site)));
    expect(byProgram.code).toBe(byRef.code);
    const { warp, lane } = byProgram.site;
    expect({ warp, lane }).toEqual({ warp: byRef.site.warp, lane: byRef.site.lane });
    const thread = [...sites.keys()].find((one) => one.threadIdx.x === 32 * warp + lane)!;
    const stack = stackAt(program, sites.get(thread)!);
    expect(stack).toEqual(byRef.site.frames.map(({ functionName, file, line }) => `${functionName} ${file}:${line}`));
  });
});
