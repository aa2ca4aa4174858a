import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type DroppedOperation,
  findDroppedOperations,
  operationMethodNames,
  programInMemory,
  programOfRepository,
} from './support/dropped-operations.js';
import { codeFilesUnder, repositoryRoot } from './support/files.js';

const pluginPath = join(repositoryRoot, 'lint/dropped-operation.grit');

describe('in this repository', () => {
  const paths = [
    ...['src/kernels', 'src/simt', 'examples'].flatMap(codeFilesUnder),
    ...codeFilesUnder('test').filter((path) => /\/kernels[^/]*(\/|$)/.test(path)),
  ].filter((path) => path.endsWith('.ts'));
  let program: ReturnType<typeof programOfRepository>;
  beforeAll(() => {
    program = programOfRepository(paths);
  });

  test('every visible operation is yielded', () => {
    expect(findDroppedOperations(program, paths).map(({ site, message }) => `${site}  ${message}`)).toEqual([]);
  });

  test('the lint plugin knows every operation', () => {
    const plugin = readFileSync(pluginPath, 'utf8');
    const listed = /\$method <: r"\^\(\?:(?<names>[^)]*)\)\$"/.exec(plugin)?.groups?.names?.split('|') ?? [];
    const missing = operationMethodNames(program, paths).filter((name) => !listed.includes(name));
    expect(missing, 'names to add to the list in lint/dropped-operation.grit').toEqual([]);
  });
});

const THREAD = `
  export interface Operation<R> { [Symbol.iterator](): Iterator<unknown, R, unknown> }
  export type KernelBody = Generator<unknown, void, unknown>;
  export type DeviceFunction<R> = Generator<unknown, R, unknown>;
  export interface TileOperation extends Operation<boolean> { readonly size: number }
  export declare class Thread implements Operation<never> {
    [Symbol.iterator](): Iterator<unknown, never, unknown>;
    anySync(mask: number, predicate: boolean): Operation<boolean>;
    shflSync(mask: number, value: number, lane: number): Operation<number>;
    syncthreads(): Operation<void>;
    tile(): Tile;
    neighbour(): Thread;
    private hiddenSync(): Operation<void>;
    readonly laneId: number;
  }
  export declare class Tile { all(predicate: boolean): TileOperation; rank(): number }
  export declare function reduce(t: Thread, value: number): DeviceFunction<number>;
  export declare function drive(body: unknown): number;
`;

/** Each text is the body of a kernel, from line 3 of a file of its own; \`t\` is its thread. */
const kernelFile = (body: string) => `import * as simt from '../simt/thread.js';
export function* kernel(t: simt.Thread): Generator<unknown, unknown, unknown> {
${body}
}
`;

function checkEach(bodies: readonly string[]): DroppedOperation[][] {
  const pathOf = (index: number) => `src/kernels/row-${index}.ts`;
  const sources = new Map([
    ['src/simt/thread.ts', THREAD],
    ...bodies.map((body, index) => [pathOf(index), kernelFile(body)] as const),
  ]);
  const program = programInMemory(sources);
  return bodies.map((_, index) => findDroppedOperations(program, [pathOf(index)]));
}

describe('the checker finds', () => {
  const rows: [body: string, advice: string][] = [
    ['t.syncthreads();', `'t.syncthreads()' is called and dropped: write 'yield* t.syncthreads()'`],
    ['(t.syncthreads());', `write 'yield* t.syncthreads()'`],
    ['void t.syncthreads();', `write 'yield* t.syncthreads()'`],
    ['t.laneId === 0 && t.syncthreads();', `write 'yield* t.syncthreads()'`],
    ['t.laneId === 0 ? t.syncthreads() : 0;', `write 'yield* t.syncthreads()'`],
    ['yield t.syncthreads();', `'yield t.syncthreads()' hands out the operation itself`],
    ['const any = t.anySync(-1, true);', `write 'any = yield* t.anySync(-1, true)'`],
    ['let any = t.anySync(-1, true) as unknown as number;', `write 'any = yield* t.anySync(-1, true)'`],
    ['const any: unknown = t.anySync(-1, true);', `write 'any = yield* t.anySync(-1, true)'`],
    ['if (t.anySync(-1, true)) yield 1;', `write '(yield* t.anySync(-1, true))'`],
    ['while (!t.anySync(-1, true)) yield 1;', `write '(yield* t.anySync(-1, true))'`],
    ['for (const a of t.anySync(-1, true)) yield a;', `write '(yield* t.anySync(-1, true))'`],
    ['const a = (t.shflSync(-1, 1, 0) as never) + 1;', `write '(yield* t.shflSync(-1, 1, 0))'`],
    ['const a = String(1) + t.shflSync(-1, 1, 0);', `write '(yield* t.shflSync(-1, 1, 0))'`],
    ['const a = { value: t.shflSync(-1, 1, 0) };', `write '(yield* t.shflSync(-1, 1, 0))'`],
    ['const a = [t.shflSync(-1, 1, 0)];', `write '(yield* t.shflSync(-1, 1, 0))'`],
    ['simt.drive([...t.anySync(-1, true)]);', `write '(yield* t.anySync(-1, true))'`],
    ['let a; a = t.shflSync(-1, 1, 0);', `write '(yield* t.shflSync(-1, 1, 0))'`],
    ['yield* t.shflSync(-1, t.anySync(-1, true) ? 1 : 0, 0);', `write '(yield* t.anySync(-1, true))'`],
    ['return t.syncthreads();', `write 'return yield* t.syncthreads()'`],
    ['t.tile().all(true);', `write 'yield* t.tile().all(true)'`],
    ['simt.reduce(t, 1);', `write 'yield* simt.reduce(t, 1)'`],
    ['const sum = simt.reduce(t, 1);', `'sum = simt.reduce(t, 1)' holds a generator that has not run`],
    ['if (simt.reduce(t, 1)) yield 1;', `write '(yield* simt.reduce(t, 1))'`],
    ['simt.reduce(t, 1).next();', `write '(yield* simt.reduce(t, 1))'`],
    ['const local = function* () { yield 1; }; local();', `write 'yield* local()'`],
    ['const op: simt.Operation<void> | null = null; const held = op ?? t.syncthreads();', `write 'held = yield*`],
    ['t.shflSync(-1, 1000000 + 1000000 + 1000000 + 1000000 + 1000000 + 1, 0);', `write 'yield* t.shflSync(...)'`],
    ['yield* (t as any).shflSync();', `'(t as any).shflSync()' has type 'any'`],
    ['interface Op { [Symbol.iterator](): Iterator<1> } yield* null! as Op;', `has type 'Op'`],
  ];
  let found: DroppedOperation[][];
  beforeAll(() => {
    found = checkEach(rows.map(([body]) => body));
  });

  test.each(rows.map(([body, advice], index) => ({ body, advice, index })))('$body', ({ advice, index }) => {
    const findings = found[index];
    expect(findings).toHaveLength(1);
    expect(findings?.[0]?.message).toContain(advice);
    expect(findings?.[0]?.site).toBe(`src/kernels/row-${index}.ts:3`);
  });
});

describe('the checker lets pass', () => {
  const rows = [
    'yield* t.syncthreads();',
    'const any = yield* t.anySync(-1, true);',
    'if (yield* t.anySync(-1, true)) yield* t.syncthreads();',
    'const a = (yield* t.shflSync(-1, 1, 0)) + (yield* t.shflSync(-1, 2, 0));',
    'const any = yield* t.laneId === 0 ? t.anySync(-1, true) : t.tile().all(true);',
    'return yield* t.shflSync(-1, 1, 0);',
    'const sum = yield* simt.reduce(t, yield* t.shflSync(-1, 1, 0));',
    'const wait = () => t.syncthreads(); yield* wait();',
    'const wait = () => { return t.syncthreads(); }; yield* wait();',
    'const op: simt.Operation<void> = t.syncthreads(); yield* op;',
    'let op: simt.Operation<void>; op = t.syncthreads(); yield* op;',
    'const ops: simt.Operation<void>[] = [t.syncthreads()]; for (const op of ops) yield* op;',
    'const held: { readonly body: simt.DeviceFunction<number> } = { body: simt.reduce(t, 1) }; yield* held.body;',
    'simt.drive(simt.reduce(t, 1));',
    't.tile().rank();',
    'const next = t.neighbour(); next.laneId.toFixed();',
    'yield* [1, 2, 3];',
    'for (const lane of [0, 1].values()) yield lane;',
    'interface Operation<R> { readonly result: R } const decode = (): Operation<1> => ({ result: 1 }); decode();',
  ];
  let found: DroppedOperation[][];
  beforeAll(() => {
    found = checkEach(rows);
  });

  test.each(rows.map((body, index) => ({ body, index })))('$body', ({ index }) => expect(found[index]).toEqual([]));
});

test('the machine may drive generators by hand, and no operations', () => {
  const path = 'src/simt/machine.ts';
  const text = `import * as simt from './thread.js';
function* granules() { yield 0; }
export function run(t: simt.Thread): void {
  for (const granule of granules()) simt.drive(granule);
  simt.reduce(t, 1).next();
  for (const event of t.syncthreads()) simt.drive(event);
}
`;
  const program = programInMemory(
    new Map([
      ['src/simt/thread.ts', THREAD],
      [path, text],
    ]),
  );
  expect(findDroppedOperations(program, [path]).map(({ site }) => site)).toEqual([`${path}:6`]);
});

test('the names of operations are those of public methods that return one', () => {
  const path = 'src/simt/thread.ts';
  const names = operationMethodNames(programInMemory(new Map([[path, THREAD]])), [path]);
  expect(names).toEqual(['all', 'anySync', 'shflSync', 'syncthreads']);
});

test('the lint plugin reports dropped operations in kernels and nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'simtwin-lint-'));
  try {
    const kernel = kernelFile(`
  t.syncthreads();
  yield* t.syncthreads();
  const any = t.anySync(-1, true);
  const all: boolean = yield* t.anySync(-1, true);
  const later: simt.Operation<void> = t.syncthreads();
  if (any && t.anySync(-1, true)) yield* later;
  simt.drive(t.syncthreads(), all);
  const twice = (yield* t.shflSync(-1, 1, 0)) + t.shflSync(-1, 1, 0);
  // biome-ignore lint/plugin: this is how to do it on purpose
  t.syncthreads();
  t.tile();
  Promise.all([]);
  return () => t.syncthreads();`);
    mkdirSync(join(folder, 'src/kernels'), { recursive: true });
    writeFileSync(join(folder, 'src/kernels/kernel.ts'), kernel);
    const plugins = [pluginPath];
    writeFileSync(
      join(folder, 'biome.json'),
      JSON.stringify({ root: true, plugins, linter: { rules: { preset: 'none' } } }),
    );
    const biome = join(repositoryRoot, 'node_modules/@biomejs/biome/bin/biome');
    const result = spawnSync(process.execPath, [biome, 'lint', '--reporter=github', '--colors=off', '.'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const lines = [...result.stdout.matchAll(/title=plugin,.*?line=(\d+),/g)].map(([, line]) => Number(line));
    expect(lines, result.stdout + result.stderr).toEqual([4, 6, 9, 11]);
    expect(result.status).not.toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
