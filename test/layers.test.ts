import { describe, expect, test } from 'vitest';
import { codeFilesUnder, readSources } from './support/files.js';
import { findLayerViolations } from './support/layers.js';

test('every file of src keeps to its layer', () => {
  const sources = readSources(codeFilesUnder('src'));
  expect(sources.size).toBeGreaterThan(0);
  expect(findLayerViolations(sources).map(({ site, message }) => `${site}  ${message}`)).toEqual([]);
});

/** The checker must be able to fail: each row breaks one rule, on line 2, and is found. */
describe('the checker finds', () => {
  test.each([
    // Rooms.
    ['src/simt/a.ts', `import { k } from '../kernels/k.js';`, 'simt must not import from kernels'],
    ['src/simt/deep/a.ts', `import { k } from '../../kernels/k.js';`, 'simt must not import from kernels'],
    ['src/simt/a.ts', `import type { K } from '../kernels/k.js';`, 'simt must not import from kernels'],
    ['src/simt/a.ts', `import '../kernels/k.js';`, 'simt must not import from kernels'],
    ['src/simt/a.ts', `export * from '../kernels/k.js';`, 'simt must not import from kernels'],
    ['src/simt/a.ts', `export type { K } from '../kernels/k.js';`, 'simt must not import from kernels'],
    ['src/simt/a.ts', `const k = await import('../kernels/k.js');`, 'simt must not import from kernels'],
    ['src/simt/a.ts', 'const k = await import(`../kernels/k.js`);', 'simt must not import from kernels'],
    ['src/simt/a.ts', `let k: import('../kernels/k.js').K;`, 'simt must not import from kernels'],
    ['src/simt/a.ts', `import k = require('../kernels/k.js');`, 'simt must not import from kernels'],
    ['src/simt/a.ts', `const k = await import(name);`, 'is computed'],
    ['src/simt/a.ts', `import { all } from '../index.js';`, 'simt must not import from index.ts'],
    ['src/simt/a.ts', `import { all } from '../../test/support/files.js';`, 'reaches outside src'],
    ['src/reference/a.ts', `import { popc } from '../simt/bits.js';`, 'reference must not import from simt'],
    ['src/kernels/a.ts', `import { r } from '../reference/r.js';`, 'kernels must not import from reference'],
    ['src/kernels/a.ts', `import { c } from '../capture/c.js';`, 'kernels must not import from capture'],
    ['src/capture/a.ts', `import { Memory } from '../simt/memory.js';`, 'capture must not import from simt'],
    ['src/arbitraries/a.ts', `import { c } from '../capture/c.js';`, 'arbitraries must not import from capture'],
    ['src/tools/a.ts', `import { a } from '../arbitraries/a.js';`, 'tools must not import from arbitraries'],
    ['src/tools/a.ts', `import { main } from '../cli/main.js';`, 'tools must not import from cli'],
    ['src/index.ts', `export * from './cli/main.js';`, 'index.ts must not import from cli'],
    ['src/index.ts', `export * from './compile/index.js';`, 'index.ts must not import from compile'],
    ['src/modes/a.ts', `import { compileFile } from '../compile/index.js';`, 'modes must not import from compile'],
    ['src/fast/a.ts', `import { StepEngine } from '../step/index.js';`, 'fast must not import from step'],
    ['src/simt/a.ts', `import type { Program } from '../program/index.js';`, 'simt must not import from program'],
    // Packages.
    ['src/simt/a.ts', `import fc from 'fast-check';`, `simt must not import the package 'fast-check'`],
    ['src/kernels/a.ts', `import chalk from 'chalk';`, `kernels must not import the package 'chalk'`],
    ['src/reference/a.ts', `import x from '@scope/name/deep.js';`, `the package '@scope/name'`],
    ['src/capture/a.ts', `import { Command } from 'commander';`, `capture must not import the package 'commander'`],
    ['src/tools/a.ts', `import chalk from 'chalk';`, `tools must not import the package 'chalk'`],
    ['src/arbitraries/a.ts', `import chalk from 'chalk';`, `arbitraries must not import the package 'chalk'`],
    ['src/kernels/a.ts', `import ts from 'typescript';`, `kernels must not import the package 'typescript'`],
    ['src/cli/a.ts', `import fc from 'fast-check';`, `cli must not import the package 'fast-check'`],
    ['src/cli/a.ts', `import { x } from 'simtwin';`, `cli must not import the package 'simtwin'`],
    // Modules of Node.
    [
      'src/simt/a.ts',
      `import { readFileSync } from 'node:fs';`,
      'only compile, capture, formats, cli may use modules of Node',
    ],
    ['src/reference/a.ts', `import path from 'path';`, 'only compile, capture, formats, cli may use modules of Node'],
    [
      'src/kernels/a.ts',
      `import { performance } from 'node:perf_hooks';`,
      'only compile, capture, formats, cli may use modules of Node',
    ],
    [
      'src/arbitraries/a.ts',
      `import { tmpdir } from 'node:os';`,
      'only compile, capture, formats, cli may use modules of Node',
    ],
    [
      'src/tools/a.ts',
      `import { readFile } from 'node:fs/promises';`,
      'only compile, capture, formats, cli may use modules of Node',
    ],
    [
      'src/index.ts',
      `export { readFile } from 'node:fs/promises';`,
      'only compile, capture, formats, cli may use modules of Node',
    ],
    // Globals, in each pure room.
    ['src/simt/a.ts', 'const width = process.stdout.columns;', 'process'],
    ['src/kernels/a.ts', 'const now = Date.now();', 'Date'],
    ['src/reference/a.ts', 'const now = new Date();', 'Date'],
    ['src/tools/a.ts', 'const now = performance.now();', 'performance'],
    ['src/simt/a.ts', 'const pick = Math.random();', 'Math.random'],
    ['src/simt/a.ts', `const pick = Math['random']();`, 'Math.random'],
    ['src/simt/a.ts', 'const { random } = Math;', 'Math.random'],
    ['src/simt/a.ts', 'console.log(1);', 'console'],
    ['src/simt/a.ts', 'setTimeout(() => {}, 1);', 'setTimeout'],
    ['src/simt/a.ts', 'const load = require;', 'require'],
    ['src/simt/a.ts', 'const bytes = Buffer.alloc(4);', 'Buffer'],
    ['src/simt/a.ts', 'const held = { process };', 'process'],
    ['src/simt/a.ts', 'const held = globalThis.process;', 'globalThis'],
    ['src/simt/a.ts', 'declare const process: { exit(): void }; process.exit();', 'process'],
    ['src/simt/a.ts', 'function f(process: number) { return process; } process.exit();', 'process'],
    // Rooms that nobody has heard of.
    ['src/engine/a.ts', 'export const a = 1;', 'src/engine is not a known room'],
    ['src/helpers.ts', 'export const a = 1;', 'only index.ts lies directly in src'],
  ])('%s: %s', (path, line, expected) => {
    const findings = findLayerViolations(new Map([[path, `\n${line}\n`]]));
    expect(findings).toHaveLength(1);
    expect(findings[0]?.message).toContain(expected);
    expect(findings[0]?.site).toMatch(`${path}:`);
  });

  test('where it is', () => {
    const sources = new Map([['src/simt/a.ts', `const a = 1;\n\nconsole.log(a);\n`]]);
    expect(findLayerViolations(sources)).toEqual([
      { site: 'src/simt/a.ts:3', message: 'simt is pure: console reaches the terminal' },
    ]);
  });

  test('each of several', () => {
    const sources = new Map([
      ['src/simt/a.ts', `import fc from 'fast-check';\nimport { k } from '../kernels/k.js';\nconsole.log(fc, k);\n`],
      ['src/index.ts', `export * from './cli/main.js';\n`],
    ]);
    expect(findLayerViolations(sources).map(({ site }) => site)).toEqual([
      'src/simt/a.ts:1',
      'src/simt/a.ts:2',
      'src/simt/a.ts:3',
      'src/index.ts:1',
    ]);
  });
});

/** The silent twins: the nearest lawful neighbours of the rows above. */
describe('the checker lets pass', () => {
  test.each([
    ['src/simt/deep/a.ts', `import { popc } from '../bits.js';`],
    ['src/kernels/a.ts', `import { Thread } from '../simt/index.js';`],
    ['src/kernels/a.ts', `let t: import('../simt/index.js').Thread;`],
    ['src/arbitraries/a.ts', `import fc from 'fast-check'; import type { P } from '../kernels/p.js';`],
    ['src/tools/a.ts', `import { c } from '../capture/c.js'; import { r } from '../reference/r.js';`],
    ['src/compile/a.ts', `import ts from 'typescript'; import { P } from '../program/p.js';`],
    ['src/fast/a.ts', `const make = new Function('a', 'return a');`],
    ['src/step/a.ts', 'const require = (count: number) => count; require(3);'],
    ['src/capture/a.ts', `import { readFileSync } from 'node:fs'; const b = Buffer.alloc(process.pid);`],
    ['src/cli/a.ts', `import chalk from 'chalk'; import { x } from '../index.js'; console.log(Date.now());`],
    ['src/index.ts', `export * from './simt/index.js'; export { c } from './capture/c.js';`],
    ['src/simt/a.ts', 'const a = Math.imul(3, 5);'],
    ['src/simt/a.ts', 'const a = { process: 1, console() {} }; a.process; a.console();'],
    ['src/simt/a.ts', 'function f(process: number, performance: number) { return process + performance; }'],
    ['src/simt/a.ts', 'const require = (condition: boolean) => condition; const a = { require };'],
    ['src/simt/a.ts', 'interface Clock { Date: number } console: for (;;) break console;'],
    ['src/simt/a.ts', 'const { process: held } = { process: 1 };'],
    ['src/simt/a.ts', '// process.exit(), and "console.log" in a string\nconst a = "process.exit()";'],
  ])('%s: %s', (path, text) => expect(findLayerViolations(new Map([[path, text]]))).toEqual([]));
});
