import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileFile } from '../../src/compile/index.js';
import { checkProgram } from '../../src/program/check-program.js';
import { formatProgram } from '../../src/program/format.js';
import type { Program } from '../../src/program/program.js';
import { parseProgram, serializeProgram } from '../../src/program/serialize.js';
import { type Kernel, Machine } from '../../src/simt/index.js';
import { repositoryRoot } from '../support/files.js';
import { compileText } from './compile-text.js';
import { interpret } from './interpreter.js';
import { type NeighbourArgs, neighbourKernel } from './kernels/neighbour.js';

const KERNELS = {
  'src/kernels/moe-all-to-all-kernel.ts': ['moeAllToAllKernel'],
  'src/kernels/compute-send-recv-rank-count-kernel.ts': ['computeSendRecvRankCountKernel'],
  'src/kernels/inplace-send-recv-rank-cum-sum-kernel.ts': ['inplaceSendRecvRankCumSumKernel'],
  'src/kernels/compute-send-recv-indices-kernel.ts': ['computeSendRecvIndicesKernel'],
  'src/kernels/moe-local-gather-device.ts': ['moeLocalGatherDevice'],
  'examples/compact-non-zero.ts': ['compactNonZero', 'compactNonZeroLosingUpdates'],
  'test/compile/kernels/neighbour.ts': ['neighbourKernel'],
};

const compile = (file: string) => compileFile(resolve(repositoryRoot, file));

describe.each(Object.entries(KERNELS))('%s', (file, names) => {
  const { programs, errors } = compile(file);

  test('compiles to programs that keep to the contract', () => {
    expect(errors.map(({ message }) => message)).toEqual([]);
    expect([...programs.keys()]).toEqual(names);
    for (const program of programs.values()) expect(checkProgram(program)).toEqual([]);
  });

  test('compiles to the same each time, and reads back what it writes', () => {
    const again = compile(file).programs;
    for (const [name, program] of programs) {
      expect(serializeProgram(again.get(name)!)).toBe(serializeProgram(program));
      expect(parseProgram(serializeProgram(program))).toEqual(program);
    }
  });
});

test('the kernel of ADDING-A-KERNEL.md compiles', () => {
  const page = readFileSync(resolve(repositoryRoot, 'docs/ADDING-A-KERNEL.md'), 'utf8');
  const [, port] = /## The port\n\n```ts\n(.*?)```/s.exec(page)!;
  const { programs, errors } = compileText(port!);
  expect(errors).toEqual([]);
  expect([...programs.keys()]).toEqual(['histogramKernel']);
  expect(checkProgram(programs.get('histogramKernel')!)).toEqual([]);
});

const namesOf = ({ variables }: Program): string[] => [
  ...new Set(variables.flatMap(({ name }) => (name === null ? [] : [name]))),
];

test('the kernel of the bench computes what its source does', () => {
  const { programs } = compile('test/compile/kernels/neighbour.ts');
  const run = (kernel: Kernel<NeighbourArgs>): Int32Array => {
    const machine = new Machine();
    const out = machine.memory.allocate('out', 'i32', 128);
    machine.stream().launch(kernel, { grid: 1, block: 128 }, { iterations: 20, out });
    expect(machine.run().verdict).toBe('completes');
    return new Int32Array(machine.memory.download(out, 128).buffer);
  };
  expect(run(interpret(programs.get('neighbourKernel')!))).toEqual(run(neighbourKernel));
});

describe('what a debugger needs', () => {
  const program = compile('src/kernels/moe-all-to-all-kernel.ts').programs.get('moeAllToAllKernel')!;

  test('locals and fields keep their names', () => {
    expect(namesOf(program)).toEqual(
      expect.arrayContaining([
        'comm.step',
        'comm.tailStepCache',
        'comm.flagThread',
        'vecId',
        'packetId',
        'ix',
        'g',
        'flag',
      ]),
    );
    expect(program.arrays[0]).toMatchObject({ name: 'comm.regs', elementType: 'u64', count: { kind: 'param' } });
    expect(program.params.map(({ path }) => path.join('.'))).toContain('sendRecvDataInfo.vectorSizeInU64');
  });

  test('frames are called as V8 calls them, and a forwarding kernel is not on the stack', () => {
    const names = program.frames.map(({ functionName }) => functionName);
    expect(names).toEqual(
      expect.arrayContaining(['AllToAllChannelCommunicator.sendSlice', 'store128', 'getVectorDataPtr']),
    );
    const run = program.frames.find(({ functionName }) => functionName === 'AllToAllChannelCommunicator.run')!;
    expect(run.callSite).toBe(-1);
  });

  test('the library is marked as such', () => {
    const { frames, files } = compile('src/kernels/inplace-send-recv-rank-cum-sum-kernel.ts').programs.get(
      'inplaceSendRecvRankCumSumKernel',
    )!;
    for (const { file, isLibrary } of frames) expect(isLibrary).toBe(files[file]!.path.startsWith('src/simt/'));
    expect(frames.some(({ isLibrary }) => isLibrary)).toBe(true);
  });
});

describe('numbers become words where JavaScript allows it', () => {
  const types = (body: string): Record<string, string> => {
    const { programs, errors } = compileText(
      `import type { KernelBody, Pointer, Thread } from 'simtwin';
export function* kernel(t: Thread, { n, k, p }: { n: number; k: number; p: Pointer<'u32'> }): KernelBody {
${body}
}`,
    );
    expect(errors.map(({ message }) => message)).toEqual([]);
    const { variables } = programs.get('kernel')!;
    return Object.fromEntries(variables.flatMap(({ name, type }) => (name === null ? [] : [[name, type]])));
  };
  test.each([
    {
      why: 'a loop to an int bound',
      body: 'for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) p.store(i, j);',
      name: 'j',
      type: 'i32',
    },
    {
      why: 'and its outer loop',
      body: 'for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) p.store(i, j);',
      name: 'i',
      type: 'i32',
    },
    {
      why: 'index arithmetic of lanes',
      body: 'const wid = t.threadIdx.x % 32; for (let g = 0; g < 4; g++) { const ix = g * 32 - 4 * (g >> 1) + wid - (g % 2) * (wid >> 3); p.store(ix, 1); }',
      name: 'ix',
      type: 'i32',
    },
    { why: 'a sum of ints', body: 'const x = n + k; p.store(x, 1);', name: 'x', type: 'f64' },
    { why: 'a sum of ints that wraps', body: 'const x = (n + k) | 0; p.store(x, 1);', name: 'x', type: 'i32' },
    { why: 'an unsigned word', body: 'const x = p.load(); p.store(x, 1);', name: 'x', type: 'u32' },
    {
      why: 'an unsigned sum that wraps',
      body: 'let x = 0; for (let i = 0; i < n; i++) x = (x + p.load(i)) >>> 0; p.store(0, x);',
      name: 'x',
      type: 'u32',
    },
    { why: 'a sum that grows', body: 'let x = 0; while (p.load() > x) x += n; p.store(0, x);', name: 'x', type: 'f64' },
    { why: 'a quotient', body: 'const x = n / 2; p.store(0, x);', name: 'x', type: 'f64' },
    {
      why: 'a rounded quotient of lanes',
      body: 'const x = Math.floor(t.threadRank / 8); p.store(0, x);',
      name: 'x',
      type: 'i32',
    },
    { why: 'a halved count', body: 'let h = 32; for (; h > 0; h = h >>> 1) p.store(h, 1);', name: 'h', type: 'i32' },
  ])('$why: $type', ({ body, name, type }) => {
    expect(types(body)[name]).toBe(type);
  });
});

test('a program as text', () => {
  const { programs } = compileText(`import type { KernelBody, Pointer, Thread } from 'simtwin';
export function* twice(t: Thread, { n, p }: { n: number; p: Pointer<'u32'> }): KernelBody {
  if (t.laneId < n) p.store(t.laneId, p.load(t.laneId) * 2);
}`);
  expect(formatProgram(programs.get('twice')!).replace(/[0-9a-f]{16}/, 'DIGEST')).toMatchInlineSnapshot(`
    "program twice
    file kernels/kernel.ts DIGEST
    param $n i32
    param $p ptr u32
    variable %0:n i32 scope 0
    variable %1:p ptr scope 0
    variable %2 pred scope 0
    variable %3 u32 scope 0
    variable %4 i32 scope 0
    variable %5 i32 scope 0
    frame 0 twice in kernels/kernel.ts
    scope 0 frame 0
    block 0
      %0:n = i32 $n    ; 0:2:37
      %1:p = ptr $p    ; 0:2:40
      %2 = lt.i32 laneId, $n    ; 0:3:7
      branch %2 ? 1 : 2    ; 0:3:7
    block 1
      %3 = load.plain.system.u32 $p[laneId]    ; 0:3:41
      %5 = i32.u32 %3    ; 0:3:39
      %4 = mul.i32 %5, 2    ; 0:3:39
      store.plain.system.u32 $p[laneId], %4    ; 0:3:23
      jump 2    ; 0:3:3
    block 2
      exit    ; 0:2:1
    "
  `);
});
