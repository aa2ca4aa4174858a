import { describe, expect, test } from 'vitest';
import { checkProgram } from '../../src/program/check-program.js';
import { Machine } from '../../src/simt/index.js';
import { compileText, kernelOf } from './compile-text.js';
import { interpret } from './interpreter.js';

const ADVICE = 'is not in the kernel subset: ';

/** The words that a compiled kernel leaves in `p`. */
function resultsOf(text: string, n: number): number[] {
  const { programs, errors } = compileText(text);
  expect(errors.map(({ message }) => message)).toEqual([]);
  const program = programs.get('kernel')!;
  expect(checkProgram(program)).toEqual([]);
  const machine = new Machine();
  const [words, wide] = [
    machine.memory.upload('words', 'u32', new Uint32Array(4)),
    machine.memory.allocate('wide', 'u64', 4),
  ];
  const args = { n, big: 7n, flag: true, p: words, q: wide };
  machine.stream().launch(interpret(program), { grid: 1, block: 1 }, args);
  expect(machine.run().verdict).toBe('completes');
  return [...new Uint32Array(machine.memory.download(words, 4).buffer)];
}

describe('members of classes', () => {
  test.each([
    {
      why: 'a parameter property is a field',
      before: 'class A { constructor(readonly n: number, private k = 3) {} sum() { return this.n + this.k; } }',
      body: '  const a = new A(n);\n  p.store(0, a.n); p.store(1, a.sum()); p.store(2, new A(n, 4).sum());',
      expected: [5, 8, 9, 0],
    },
    {
      why: 'one that changes',
      before:
        'class A { constructor(public n: number) { this.n += 1; } add(x: number) { this.n = (this.n + x) | 0; } }',
      body: '  const a = new A(n);\n  p.store(0, a.n);\n  for (let i = 0; i < n; i++) a.add(2);\n  p.store(1, a.n);\n  if (flag) a.n = 1;\n  p.store(2, a.n);',
      expected: [6, 16, 1, 0],
    },
    {
      why: 'one that is a pointer, beside a plain parameter',
      before: "class A { constructor(x: number, readonly to: Pointer<'u32'>) { to.store(0, x); } }",
      body: '  new A(n, p).to.store(1, 9);',
      expected: [5, 9, 0, 0],
    },
    {
      why: 'names in quotes',
      before:
        "class A { 'k' = 4; 'twice'() { return this.k * 2; } static 'one' = 1; get 'half'() { return this.k / 2; } }",
      body: '  const a = new A();\n  p.store(0, a.k); p.store(1, a.twice()); p.store(2, A.one); p.store(3, a.half);',
      expected: [4, 8, 1, 2],
    },
    {
      why: "a static field that is called 'name'",
      before: 'class A { static name = 6; }',
      body: '  p.store(0, A.name);',
      expected: [6, 0, 0, 0],
    },
  ])('$why', ({ before, body, expected }) => {
    expect(resultsOf(kernelOf(body, `\n${before}`), 5)).toEqual(expected);
  });

  test('a field that reads a parameter property in its own declaration is refused', () => {
    const { errors } = compileText(
      kernelOf('  p.store(0, new A(n).m);', '\nclass A { m = this.n + 1; constructor(readonly n: number) {} }'),
    );
    expect(errors[0]?.message).toContain(`a read of 'n' before it is assigned ${ADVICE}assign it first`);
  });

  test.each([
    { why: 'a computed name', member: "['k'] = 4;", says: `a member of a class whose name is in brackets ${ADVICE}` },
    { why: 'a computed method', member: "['k']() {}", says: `a member of a class whose name is in brackets ${ADVICE}` },
    {
      why: 'a static block',
      member: 'static { A.x = 4; }',
      says: `'static { … }' ${ADVICE}write the static fields' values where they are declared`,
    },
    {
      why: 'a static getter',
      member: 'static get y() { return 4; }',
      says: `a static getter ${ADVICE}write a static method`,
    },
    {
      why: 'a static setter',
      member: 'static set y(v) {}',
      says: `a static setter ${ADVICE}write a static method`,
    },
    { why: 'a decorator', member: '@twice f() {}', says: `a decorator ${ADVICE}call functions where` },
  ])('$why is refused', ({ member, says }) => {
    const { errors } = compileText(kernelOf('  new A();\n  p.store(0, A.x);', `\nclass A { static x = 1; ${member} }`));
    // Column: behind `class A { static x = 1; `.
    expect(errors[0]?.message).toContain(`kernels/kernel.ts:2:25: ${says}`);
  });
});

test.each([
  ['  own?.store(0, 1);', '5:3'],
  ['  p.store(0, own?.load(0) ?? 3);', '5:14'],
  ['  own!?.store(0, 1);', '5:3'],
])('a call by ?. of a pointer that may be null is refused: %s', (line, at) => {
  const { errors } = compileText(kernelOf(`  let own: Pointer<'u32'> | null = p;\n  if (flag) own = null;\n${line}`));
  expect(errors[0]?.message).toBe(
    `kernels/kernel.ts:${at}: '?.' on a pointer that may be null ${ADVICE}test it first: if (pointer !== null) …`,
  );
});

test('?. on a pointer that cannot be null, and on null, is fine', () => {
  expect(resultsOf(kernelOf('  p?.store(0, 4);\n  const none: any = null;\n  none?.store(1, 4);'), 1)).toEqual([
    4, 0, 0, 0,
  ]);
});

describe('ranges', () => {
  test('the counter of a loop whose bound is checked in its condition', () => {
    const table = '\nconst TABLE = [5, -1, 0, 77, 2147483647, -2147483648, 3, 1000] as const;';
    const body =
      '  for (let j = 0; j < (TABLE[popc(n) & 7]! & 3); j++) {\n    p.store(j, divI32(j, 3) & 3);\n    p.store(3, j);\n  }';
    expect(resultsOf(kernelOf(body, table), 0)).toEqual([0, 0, 0, 0]);
  });

  test('a counter that the condition changes is not known by its old value', () => {
    const table = '\nconst TABLE = [5, 3] as const;';
    const body = '  let j = 0;\n  while (j++ < TABLE[n & 1]!) p.store(0, j);';
    expect(resultsOf(kernelOf(body, table), 0)).toEqual([5, 0, 0, 0]);
  });

  test('`(x | 1) >>> 0` is not 0', () => {
    const body = '  const rest = yield* t.reduceAddSync(1, 0 % ((n | 1) >>> 0));\n  p.store(0, rest);';
    expect(resultsOf(kernelOf(body), 4)).toEqual([0, 0, 0, 0]);
  });
});
