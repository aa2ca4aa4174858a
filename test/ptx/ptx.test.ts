import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import {
  createMachine,
  describeOutcome,
  type EngineMode,
  lowerEntry,
  type Program,
  PtxError,
  parsePtx,
  ptxArguments,
  ptxKernel,
} from 'simtwin';
import { describe, expect, test } from 'vitest';
import { checkProgram } from '../../src/program/check-program.js';

const TEXT = readFileSync(new URL('../../fixtures/ptx/compact.ptx', import.meta.url), 'utf8');

const lowered = (text: string, name: string) => {
  const module = parsePtx(text);
  return lowerEntry(module, module.functions.find((entry) => entry.name === name)!, 'compact.ptx', text);
};

function programOf(name: string, text = TEXT): Program {
  const { program, missing } = lowered(text, name);
  expect(missing).toEqual([]);
  expect(checkProgram(program!)).toEqual([]);
  return program!;
}

const i32 = (value: number) => new Uint8Array(Int32Array.of(value).buffer);
const address = (pointer: { readonly address: number }) =>
  new Uint8Array(BigUint64Array.of(BigInt(pointer.address)).buffer);

function compact(text: string, values: Uint32Array, mode: EngineMode): Uint32Array {
  const program = programOf('compactNonZero', text);
  const machine = createMachine({ mode });
  const { memory } = machine;
  const [input, output] = [memory.upload('input', 'u32', values), memory.allocate('output', 'u32', values.length)];
  const count = memory.allocate('count', 'u32', 1, { zeroed: true });
  const bytes = [i32(values.length), address(input), address(output), address(count)];
  const parameters = new Map(bytes.map((value, at) => [`compactNonZero_param_${at}`, value]));
  const dims = { grid: Math.ceil(values.length / 64), block: 64 };
  machine.stream().launch(ptxKernel(program), dims, ptxArguments(program, { parameters }));
  const outcome = machine.run();
  if (outcome.verdict !== 'completes') throw new Error(describeOutcome(outcome, machine.limits));
  expect(machine.mode).toBe(mode);
  return new Uint32Array(memory.download(output, count.load()).slice().buffer);
}

const inputs = fc
  .array(fc.nat(3), { minLength: 1, maxLength: 200 })
  .map((kept) => Uint32Array.from(kept, (kind, index) => (kind === 0 ? 0 : index + 1)));

const keepsEveryWord = (text: string, mode: EngineMode) =>
  fc.property(inputs, (values) => {
    expect(compact(text, values, mode).sort()).toEqual(values.filter((value) => value !== 0));
  });

describe.each<EngineMode>(['fast', 'step'])('in mode %s', (mode) => {
  test('a compaction keeps every word', () => {
    fc.assert(keepsEveryWord(TEXT, mode), { numRuns: 20 });
  });

  test('a wrong operator in the PTX is seen', () => {
    const planted = TEXT.replace('popc.b32', 'clz.b32');
    expect(planted).not.toBe(TEXT);
    expect(fc.check(keepsEveryWord(planted, mode), { numRuns: 20 }).failed).toBe(true);
  });

  test('64-bit words go through shared memory', () => {
    const program = programOf('reverseInBlock');
    const machine = createMachine({ mode });
    const words = BigUint64Array.from({ length: 128 }, (_, at) => BigInt.asUintN(64, BigInt(at) * 0x0123456789abcdefn));
    const input = machine.memory.upload('input', 'u64', words);
    const output = machine.memory.allocate('output', 'u64', 128);
    const parameters = new Map([input, output].map((it, at) => [`reverseInBlock_param_${at}`, address(it)]));
    machine.stream().launch(ptxKernel(program), { grid: 1, block: 128 }, ptxArguments(program, { parameters }));
    expect(machine.run().verdict).toBe('completes');
    const got = new BigUint64Array(machine.memory.download(output, 128).slice().buffer);
    const expected = BigUint64Array.from(words, (_, at) =>
      BigInt.asUintN(64, words[127 - at]! * 0x9e3779b97f4a7c15n + BigInt(at)),
    );
    expect(got).toEqual(expected);
  });
});

test('sites are lines of the CUDA source', () => {
  const { files, frames } = programOf('compactNonZero');
  expect(files[frames[0]!.file]!.path).toBe('compact.cu');
});

test.each([
  { why: 'no semicolon', from: /;\n\n}/, to: '\n\n}', message: /expected .*';'/ },
  { why: 'an unknown register', from: 'popc.b32', to: 'popc.b32 %nobody, %r1;\npopc.b32', message: /'%nobody'/ },
  { why: 'a register of the wrong size', from: 'popc.b32', to: 'popc.b32 %rd1, %rd1;\npopc.b32', message: /32 bits/ },
])('$why is named with its place', ({ from, to, message }) => {
  const broken = TEXT.replace(from, to);
  expect(() => lowered(broken, 'compactNonZero')).toThrow(PtxError);
  expect(() => lowered(broken, 'compactNonZero')).toThrow(message);
  expect(() => lowered(broken, 'compactNonZero')).toThrow(/^\d+:\d+: /);
});

test('what is not modelled is listed, and there is no program', () => {
  const text = TEXT.replace('popc.b32', 'tcgen05.wait;\npopc.b32');
  const { program, missing } = lowered(text, 'compactNonZero');
  expect(program).toBeNull();
  expect(missing).toMatchObject([{ form: 'tcgen05.wait', entry: 'compactNonZero' }]);
});

/** The text with a piece of it left out, doubled, or replaced by one of another place. */
const mutated = fc
  .tuple(fc.nat(TEXT.length), fc.nat(40), fc.nat(TEXT.length), fc.nat(40))
  .map(([at, cut, from, length]) => TEXT.slice(0, at) + TEXT.slice(from, from + length) + TEXT.slice(at + cut));

const refusesWell = (parse: (text: string) => void) =>
  fc.property(mutated, (text) => {
    try {
      parse(text);
    } catch (error) {
      expect(error).toBeInstanceOf(PtxError);
    }
  });

const lowerAll = (text: string) => {
  const module = parsePtx(text);
  for (const entry of module.functions) if (entry.body !== null) lowerEntry(module, entry, 'x.ptx', text);
};

test('mutated PTX is lowered or refused with a PtxError', () => {
  fc.assert(refusesWell(lowerAll), { numRuns: 300 });
});

test('another error is seen', () => {
  const failing = (text: string) => {
    lowerAll(text);
    if (!text.includes('popc')) throw new TypeError('planted');
  };
  expect(fc.check(refusesWell(failing), { numRuns: 2000, seed: 1 }).failed).toBe(true);
});

const HEAD = '.version 9.0\n.target sm_90\n.address_size 64\n';
test.each([
  { why: 'deep scopes', text: `${HEAD}.entry f() {${'{'.repeat(100_000)}` },
  { why: 'deep initialisers', text: `${HEAD}.global .b32 a[1] = ${'{'.repeat(100_000)}` },
  { why: 'an open comment', text: `${HEAD}/*${'*'.repeat(1_000_000)}` },
  { why: 'a long number', text: `${HEAD}.file ${'9'.repeat(1_000_000)}` },
])('$why is refused at once', ({ text }) => {
  expect(() => parsePtx(text)).toThrow(PtxError);
});
