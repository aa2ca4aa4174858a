// biome-ignore-all lint/suspicious/noTemplateCurlyInString: sources of kernels are texts here
import { describe, expect, test } from 'vitest';
import { checkProgram } from '../../src/program/check-program.js';
import { compileText, IMPORTS, kernelOf } from './compile-text.js';

const ADVICE = 'is not in the kernel subset: ';

interface Case {
  readonly why: string;
  /** The kernel's body; its first line is line 3. */
  readonly body: string;
  readonly at: string;
  readonly says: string;
}

const CASES: readonly Case[] = [
  { why: 'try', body: '  try { p.store(0, 1); } catch { }', at: '3:3', says: `'try' ${ADVICE}a fault ends the run` },
  { why: 'a map', body: '  const m = new Map();', at: '3:13', says: `'new Map' ${ADVICE}use shared memory` },
  {
    why: 'randomness',
    body: '  p.store(0, Math.random());',
    at: '3:14',
    says: `a call of Math.random ${ADVICE}pass random`,
  },
  { why: 'a sine', body: '  p.store(0, Math.sin(n));', at: '3:14', says: `a call of Math.sin ${ADVICE}kernels have` },
  {
    why: 'a clock',
    body: '  p.store(0, Date.now());',
    at: '3:14',
    says: `a call of Date.now ${ADVICE}a kernel has no clock`,
  },
  {
    why: 'a bigint that grows without end',
    body: '  let x = 0n;\n  while (flag) {\n    x = x + 1n;\n    yield* t.syncwarp();\n  }\n  q.store(0, x);',
    at: '5:9',
    says: `a 64-bit value that may exceed 64 bits ${ADVICE}wrap it, write u64(...) or i64(...)`,
  },
  {
    why: 'a comparison of a product',
    body: '  if (big * big > 5n) return;',
    at: '3:7',
    says: `a 64-bit value that may exceed 64 bits ${ADVICE}wrap it`,
  },
  {
    why: 'a quotient of signed and unsigned',
    body: '  q.store(0, i64(big) / big);',
    at: '3:14',
    says: `'/' of a bigint that may be negative and one that may be 2^63 or more ${ADVICE}convert both`,
  },
  {
    why: 'an operation that is dropped',
    body: '  t.syncwarp();',
    at: '3:3',
    says: `the operation t.syncwarp, which is called and not yielded at once, ${ADVICE}write 'yield* t.syncwarp(…)'`,
  },
  {
    why: 'an operation that is kept and dropped',
    body: '  const op = t.anySync(1, flag);\n  p.store(0, 1);',
    at: '3:14',
    says: `the operation t.anySync, which is called and not yielded at once, ${ADVICE}write`,
  },
  {
    why: 'two operations at once',
    body: '  const a = t.syncwarp();\n  const b = t.syncwarp();\n  yield* a;\n  yield* b;',
    at: '3:13',
    says: 'the operation t.syncwarp, which is called and not yielded at once,',
  },
  {
    why: 'an operation that is yielded again and again',
    body: '  const op = t.syncwarp();\n  for (let i = 0; i < n; i++) yield* op;',
    at: '3:14',
    says: `the operation t.syncwarp, which is called and not yielded at once, ${ADVICE}write`,
  },
  {
    why: 'a field of objects that change',
    body: '  const a = { k: n };\n  const b = { k: 2 };\n  while (a.k > 0) a.k -= 1;\n  const c = flag ? a : b;\n  p.store(0, c.k);',
    at: '7:3',
    says: "the field 'k' of one of several objects, which changes or is not in all of them,",
  },
  {
    why: 'yield without a star',
    body: '  yield t.syncwarp();',
    at: '3:3',
    says: `'yield' without a star ${ADVICE}write 'yield* t.…`,
  },
  {
    why: 'a name that is computed',
    body: '  t.shared(`a${n}`, "u32", 1);',
    at: '3:3',
    says: `a string of dynamic parts as the name of a shared variable ${ADVICE}it must be a string that is known`,
  },
  {
    why: 'an object that changes',
    body: '  let o = { a: 1 };\n  if (flag) o = { a: 2 };\n  p.store(0, o.a);',
    at: '4:13',
    says: `an assignment of an object to 'o' under a condition or in a loop ${ADVICE}only numbers`,
  },
  {
    why: 'recursion',
    body: '  const f = (k: number): number => (k <= 0 ? 0 : f(k - 1));\n  p.store(0, f(n));',
    at: '3:50',
    says: `a recursive call of f ${ADVICE}write a loop`,
  },
  {
    why: 'arguments',
    body: '  p.store(0, arguments.length);',
    at: '3:14',
    says: `'arguments' ${ADVICE}name the parameters`,
  },
  {
    why: 'a count that is computed',
    body: '  const r = t.registerArray("u32", n + 1);',
    at: '3:13',
    says: `a register array whose count is computed ${ADVICE}use a constant or an argument`,
  },
  {
    why: 'words of a register',
    body: '  const r = t.registerArray("u32", 4);\n  p.store(0, r.at(0).low);',
    at: '4:14',
    says: `'low' of a register ${ADVICE}use register.value`,
  },
  {
    why: 'a register outside of its array',
    body: '  const r = t.registerArray("u32", 4);\n  p.store(0, r.at(4));',
    at: '4:14',
    says: `register 4 of an array of 4 ${ADVICE}use an index`,
  },
  {
    why: 'loading into a chosen register',
    body: '  const r = t.registerArray("u32", 4);\n  p.loadInto(flag ? r.at(0) : r.at(1));',
    at: '4:3',
    says: `a register chosen by a condition as the target of loadInto ${ADVICE}branch`,
  },
  {
    why: 'a chosen register that is used later',
    body: '  const r = t.registerArray("u32", 4);\n  const x = flag ? r.at(0) : r.at(1);\n  r.at(0).set(5);\n  p.store(0, x);',
    at: '6:3',
    says: `a register that was chosen by a condition and is used later ${ADVICE}`,
  },
  {
    why: 'a dynamic index of dynamic values',
    body: '  const x = [n, 2, 3];\n  p.store(0, x[n]!);',
    at: '4:14',
    says: 'an array of values that are not all constant numbers, at an index that is computed,',
  },
  {
    why: 'a bigint in a u32',
    body: '  p.store(0, big as never);',
    at: '3:3',
    says: `a bigint as the value of store of u32 ${ADVICE}`,
  },
  {
    why: 'a number in a u64',
    body: '  q.store(0, n as never);',
    at: '3:3',
    says: `a number as the value of store of u64 ${ADVICE}`,
  },
  {
    why: 'kinds that do not mix',
    body: '  p.store(0, n + (big as never));',
    at: '3:14',
    says: `'+' of a number and a bigint ${ADVICE}`,
  },
  {
    why: 'an unknown name',
    body: '  p.store(0, unknown(1));',
    at: '3:14',
    says: `the name 'unknown' ${ADVICE}declare or import`,
  },
  { why: 'a power', body: '  p.store(0, 2 ** n);', at: '3:14', says: `'**' of numbers ${ADVICE}use + - * /` },
  {
    why: 'an array that grows',
    body: '  const a = [1, 2];\n  if (flag) a.push(3);',
    at: '4:13',
    says: `array.push under a condition or in a loop ${ADVICE}`,
  },
  { why: 'a regular expression', body: '  const x = /a/;', at: '3:13', says: `a regular expression ${ADVICE}` },
  {
    why: 'an int division of what is no int',
    body: '  p.store(0, divI32(n / 2, 2));',
    at: '3:14',
    says: `divI32 of a number that may be no int ${ADVICE}write i32(…)`,
  },
  {
    why: 'a count that may be negative',
    body: '  p.store(0, shlB32(n, n));',
    at: '3:14',
    says: `a shift by a count that may be negative or no integer ${ADVICE}write u32(count)`,
  },
  {
    why: 'pointers that are compared',
    body: '  if (p.add(1) === p) return;',
    at: '3:7',
    says: `a comparison of pointers ${ADVICE}`,
  },
  {
    why: 'a variable that may have no value',
    body: '  let x: number;\n  if (flag) x = 1;\n  p.store(0, x!);',
    at: '5:14',
    says: `a read of 'x', which may not have been assigned, ${ADVICE}give it a value`,
  },
  {
    why: 'a load of a number',
    body: '  yield* t.loadVolatile(n as never);',
    at: '3:10',
    says: `a number as the pointer of loadVolatile ${ADVICE}`,
  },
  { why: 'var', body: '  var k = 3;', at: '3:3', says: `'var' ${ADVICE}write let or const` },
  { why: 'await', body: '  await n;', at: '3:3', says: `'await' ${ADVICE}` },
  {
    why: 'a new field',
    body: '  const o: any = {};\n  o.x = 1;',
    at: '4:3',
    says: `an assignment to the new field 'x' ${ADVICE}`,
  },
  {
    why: 'an argument that is assigned',
    body: '  (t as any).laneId = 1;',
    at: '3:3',
    says: `an assignment to 'laneId' of the thread ${ADVICE}`,
  },
  {
    why: 'the machine',
    body: '  const b = t.block;',
    at: '3:13',
    says: `the property 'block' of the thread ${ADVICE}`,
  },
];

test.each(CASES)('$why', ({ body, at, says }) => {
  const { programs, errors } = compileText(kernelOf(body));
  expect(programs.size).toBe(0);
  expect(errors).toHaveLength(1);
  const [error] = errors;
  expect(error!.message).toContain(says);
  expect(error!.message.startsWith(`kernels/kernel.ts:${at}: `)).toBe(true);
  expect(error!.message).toBe(
    `${error!.file}:${error!.line}:${error!.column}: ${error!.construct} is not in the kernel subset: ${error!.advice}`,
  );
});

describe('arguments', () => {
  const withArgs = (type: string, body = 'args.x;') =>
    compileText(`${IMPORTS}\nexport function* kernel(t: Thread, args${type}): KernelBody {\n  const y = ${body}\n}\n`);
  test.each([
    {
      type: ': { x: Scope }',
      says: "the argument 'x', a string, is not in the kernel subset: write a kernel for each value",
    },
    { type: ': { x: string }', says: "the argument 'x', a string, is not" },
    { type: ': { x: () => number }', says: "the argument 'x', a function, is not" },
    { type: ': { x: number[] }', says: "the argument 'x', an array, is not" },
    { type: ': { x?: number }', says: "the argument 'x', which is optional, is not" },
    { type: ': { x: Unknown }', says: "the argument 'x', of the unknown type Unknown, is not" },
    { type: '', says: 'whose type is not declared, is not in the kernel subset: declare its type' },
    { type: ': any', says: 'of type any, is not' },
  ])('args$type', ({ type, says }) => {
    const { errors } = withArgs(type, 'args.x + 1;');
    expect(errors.map(({ message }) => message).join()).toContain(says);
  });
});

test('each kernel has its own error, and the others compile', () => {
  const { programs, errors } = compileText(`${IMPORTS}
export function* a(t: Thread): KernelBody { try {} finally {} }
export function* good(t: Thread): KernelBody { yield* t.syncwarp(); }
export const b: Kernel<{ n: number }> = function* (t, { n }) { yield* t.nothing(n); };
export function notAKernel(t: Thread, n: number, m: number): number { return n + m + t.laneId; }
`);
  expect([...programs.keys()]).toEqual(['good']);
  expect(errors.map(({ line }) => line)).toEqual([2, 4]);
});

describe('what is in the subset', () => {
  test.each([
    'yield* (flag ? t.syncwarp() : t.syncthreads());',
    'const op = t.activemask(); const y = yield* op; p.store(0, y);',
    'a: for (;;) { for (;;) { if (flag) break a; if (n === 3) continue a; yield* t.syncwarp(); } }',
    'let [a, b] = [n, 2]; [a, b] = [b, a]; p.store(a, b);',
    'const { x, ...rest } = { x: 1, y: n, z: 2 }; p.store(rest.z, rest.y);',
    'const state = { k: 0, s: 1 }; for (let i = 0; i < n; i++) { state.k += i; p.store(state.k, state.s); }',
    'for (const size of [1, 2, 4] as const) { const s = t.shared(`part${size}`, "u32", size); s.store(0, 1); yield* t.syncthreads(); }',
    'const [first, ...others] = [1, 2, 3].map((k) => k * n); p.store(first!, others.reduce((a, b) => a + b, 0));',
    'const size = ((x: number) => { let k = 1; while (k < x) k *= 2; return k; })(20); p.store(0, t.registerArray("u32", size).length);',
    'p.store(0, [1, 2, 4].includes(n) ? 1 : 0);',
    'q.store(0, (1n << BigInt(n % 40)) & 0xffn);',
    'let r: Pointer<"u32"> = p; if (flag) r = p.add(4); while (r.load() !== 0) r = r.add(1);',
    'const tile = tiledPartition(t, 8); p.store(tile.threadRank, yield* tile.ballot(flag));',
    'switch (n) { case 1: p.store(0, 1); case 2: p.store(1, 1); break; case t.laneId: return; default: p.store(2, 1); }',
    'p.store(0, flag ? 1 : 0); p.store(1, Number(flag || n > 3)); p.store(2, n || 7); p.store(3, (n && 5));',
    'const x = p.address % 16; p.store(0, x); p.store(1, p.elementBytes);',
    'if (n < 0) throw new RangeError(`n is ${n}, not positive`);',
  ])('%s', (body) => {
    const { programs, errors } = compileText(kernelOf(body));
    expect(errors.map(({ message }) => message)).toEqual([]);
    expect(checkProgram(programs.get('kernel')!)).toEqual([]);
  });
});
