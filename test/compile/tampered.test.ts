import { describe, expect, test } from 'vitest';
import { checkProgram } from '../../src/program/check-program.js';
import { loadPrograms, programTexts } from '../../src/program/compiled-file.js';
import type { Program } from '../../src/program/program.js';
import { parseJson, parseProgram, serializeJson, serializeProgram } from '../../src/program/serialize.js';
import { compileText, kernelOf } from './compile-text.js';

const { programs, errors } = compileText(
  kernelOf(
    `  const shared = t.shared('numbers', 'u32', 32);
  const registers = t.registerArray('u32', 4);
  const helper = (x: number) => { p.store(1, x); };
  if (n < 0) throw new Error('negative');
  helper(TABLE[n & 1]! + HALVES[n & 1]!);
  for (let i = 0; i < 4; i++) { registers.at(i).set(u32(i + n)); p.store(2, registers.at(n & 3)); }
  shared.store(t.laneId, p.load(0) + popc(n));
  const old = yield* t.atomicAdd(p, 0, 1);
  const other = yield* t.shflSync(FULL_MASK, old, 0);
  yield* t.syncthreads();
  p.store(n, flag ? old : other);
  q.store(0, big * 3n);`,
    '\nconst TABLE = [3, 7] as const;\nconst HALVES = [0.5, 1.5] as const;',
  ),
);
if (errors[0] !== undefined) throw errors[0];
const PROGRAM = programs.get('kernel')!;

// biome-ignore lint/suspicious/noExplicitAny: it is broken on purpose
type Broken = any;

const copy = (): Broken => parseJson(serializeJson(PROGRAM));

/** The first instruction for which it holds. */
function first(program: Broken, isIt: (instruction: Broken) => boolean): Broken {
  for (const { instructions } of program.blocks) for (const it of instructions) if (isIt(it)) return it;
  throw new Error('there is none');
}
const op = (program: Broken, name: string): Broken => first(program, (it) => it.op === name);
const end = (program: Broken, name: string): Broken =>
  program.blocks.find((it: Broken) => it.terminator.op === name).terminator;
/** The first constant operand. */
function constantOf(program: Broken, type: string): Broken {
  let found: Broken = null;
  const visit = (it: Broken): void => {
    if (typeof it !== 'object' || it === null || found !== null) return;
    if (it.kind === 'constant' && it.type === type) found = it;
    else for (const field of Object.values(it)) visit(field);
  };
  visit(program.blocks);
  if (found === null) throw new Error('there is none');
  return found;
}

const EVIL = '0;evil()';

const TAMPERED: readonly (readonly [why: string, tamper: (program: Broken) => void])[] = [
  ['a name with a line end', (p) => (p.name = 'kernel\nevil()')],
  ['a name with a line separator', (p) => (p.name = 'kernel\u2028evil()')],
  ['a name that is no name', (p) => (p.name = 'a b')],
  ['no name', (p) => (p.name = undefined)],
  ['a name that is a number', (p) => (p.name = 5)],
  ['a field that programs do not have', (p) => (p.extra = 1)],
  ['no blocks', (p) => (p.blocks = [])],
  ['blocks that are no array', (p) => (p.blocks = { length: 1, 0: p.blocks[0] })],
  ['no frames', (p) => (p.frames = [])],
  ['no sites', (p) => delete p.sites],
  ['a hole', (p) => (p.blocks[0].instructions[0] = null)],
  ['a file without a path', (p) => delete p.files[0].path],
  ['a parameter of another type', (p) => (p.params[0].type = 'f64')],
  ['a parameter of another element type', (p) => (p.params[0].elementType = EVIL)],
  ['a path that is no array', (p) => (p.params[0].path = 'n')],
  ['a variable of another type', (p) => (p.variables[0].type = EVIL)],
  ['a type that objects inherit', (p) => (p.variables[0].type = 'constructor')],
  ['a variable whose name is an object', (p) => (p.variables[0].name = {})],
  ['a scope that is a text', (p) => (p.variables[0].scope = '0')],
  ['an array of another type', (p) => (p.arrays[0].elementType = "u32');evil('")],
  ['an array of a text of registers', (p) => (p.arrays[0].count.value = EVIL)],
  ['an array of -1 registers', (p) => (p.arrays[0].count.value = -1)],
  ['an array of half a register', (p) => (p.arrays[0].count.value = 0.5)],
  ['an array of a variable of registers', (p) => (p.arrays[0].count = { kind: 'variable', index: 0 })],
  ['a table of texts', (p) => (p.tables[0].values[0] = EVIL)],
  ['a table of null', (p) => (p.tables[0].values[0] = null)],
  ['a table of half an integer', (p) => (p.tables[0].values[0] = 0.5)],
  ['a table of too large an integer', (p) => (p.tables[0].values[0] = 2 ** 31)],
  ['a table of texts that are doubles', (p) => (p.tables[1].values[0] = '0.5')],
  ['a table of another type', (p) => (p.tables[0].type = 'i64')],
  ['a frame that is called from itself', (p) => (p.frames[1].callSite = p.sites.findIndex(inFrame(p, 1)))],
  ['a frame without a place', (p) => (p.frames[1].callSite = p.sites.length)],
  ['a frame whose place is a text', (p) => (p.frames[1].callSite = EVIL)],
  ['a frame whose place is -2', (p) => (p.frames[1].callSite = -2)],
  ['a scope within itself', (p) => (p.scopes[1].parent = 1)],
  ['a line that is a text', (p) => (p.sites[0].line = '1')],
  ['line 0', (p) => (p.sites[0].line = 0)],
  ['a column that is no integer', (p) => (p.sites[0].column = 1.5)],
  ['a site that is a text', (p) => (p.blocks[0].instructions[0].site = EVIL)],
  ['a site that is too large', (p) => (p.blocks[0].instructions[0].site = p.sites.length)],
  ['a site that is an array', (p) => (p.blocks[0].instructions[0].site = [0])],
  ['another operation', (p) => (p.blocks[0].instructions[0].op = 'evil')],
  ['an operation that objects inherit', (p) => (p.blocks[0].instructions[0].op = 'toString')],
  ['no operation', (p) => delete p.blocks[0].instructions[0].op],
  ['a result that is a text', (p) => (op(p, 'binary').to = EVIL)],
  ['a result that is no variable', (p) => (op(p, 'binary').to = p.variables.length)],
  ['a result -1 of a sum', (p) => (op(p, 'binary').to = -1)],
  ["the operator '+'", (p) => (op(p, 'binary').operator = '+')],
  ['an operator that objects inherit', (p) => (op(p, 'unary').operator = 'constructor')],
  ['another comparison', (p) => (op(p, 'compare').operator = '<')],
  ['a type of no sum', (p) => (op(p, 'binary').type = EVIL)],
  ['an operand of another kind', (p) => (op(p, 'binary').a.kind = 'evil')],
  ['an operand that is null', (p) => (op(p, 'binary').a = null)],
  ['an operand that is a text', (p) => (op(p, 'binary').a = EVIL)],
  ['an operand that is a variable called a text', (p) => (op(p, 'binary').a = { kind: 'variable', index: EVIL })],
  ['another special value', (p) => (op(p, 'binary').a = { kind: 'special', name: EVIL })],
  ['a constant that is a text', (p) => (constantOf(p, 'i32').value = EVIL)],
  ['a constant that is a double', (p) => (constantOf(p, 'i32').value = 0.5)],
  ['a constant that is an object', (p) => (constantOf(p, 'i32').value = { toString: EVIL })],
  ['a bigint for a word', (p) => (constantOf(p, 'i32').value = 1n)],
  ['a word for a bigint', (p) => (constantOf(p, 'u64').value = 1)],
  ['a bigint that is too large', (p) => (constantOf(p, 'u64').value = 2n ** 64n)],
  ['a constant of another type', (p) => (constantOf(p, 'i32').type = EVIL)],
  ['the size of elements', (p) => (p.blocks[0].instructions[0] = { ...ADDRESS, site: 0, elementBytes: EVIL })],
  ['elements of 0 bytes', (p) => (p.blocks[0].instructions[0] = { ...ADDRESS, site: 0, elementBytes: 0 })],
  ['a table that is a text', (p) => (op(p, 'loadTable').table = EVIL)],
  ['a register array that is a text', (p) => (op(p, 'clearArray').array = EVIL)],
  ['a shared name with a line end', (p) => (op(p, 'shared').name = "a\n');evil('")],
  ['a shared name that is a number', (p) => (op(p, 'shared').name = 1)],
  ['the type of a shared variable', (p) => (op(p, 'shared').elementType = "i32');evil('")],
  ['the type of a load', (p) => (op(p, 'load').elementType = "i32');evil('")],
  ['the ordering of a load', (p) => (op(p, 'load').ordering = 'release')],
  ['the scope of a load', (p) => (op(p, 'load').scope = EVIL)],
  ['a load of nothing', (p) => (op(p, 'load').to = [])],
  ['a load of three', (p) => (op(p, 'load').to = [...op(p, 'load').to, ...op(p, 'load').to, ...op(p, 'load').to])],
  ['a load into a constant', (p) => (op(p, 'load').to[0].kind = 'constant')],
  ['the type of a store', (p) => (op(p, 'store').elementType = 'f64')],
  ['the ordering of a store', (p) => (op(p, 'store').ordering = 'acquire')],
  ['the operator of an atomic', (p) => (op(p, 'atomic').operator = "add');evil('")],
  ['the type of an atomic', (p) => (op(p, 'atomic').elementType = 'f32')],
  ['the result of an atomic', (p) => (op(p, 'atomic').to = -2)],
  ['an atomic whose comparison is missing', (p) => delete op(p, 'atomic').compare],
  ['another collective', (p) => (op(p, 'collective').operation = 'shfl.evil')],
  ['the type of a collective', (p) => (op(p, 'collective').type = EVIL)],
  ['another barrier', (p) => (op(p, 'barrier').kind = 'evil')],
  ['a barrier whose alignment is a text', (p) => (op(p, 'barrier').isAligned = 'yes')],
  ['a jump to a text', (p) => (end(p, 'jump').target = EVIL)],
  ['a branch to no block', (p) => (end(p, 'branch').else = p.blocks.length)],
  ['another end', (p) => (end(p, 'exit').op = 'evil')],
  ['a message that is an object', (p) => (end(p, 'throw').message = {})],
];

const ADDRESS = {
  op: 'address',
  to: 0,
  base: { kind: 'constant', type: 'ptr', value: 0 },
  index: { kind: 'constant', type: 'i32', value: 0 },
  indexType: 'i32',
};

const inFrame =
  (program: Broken, frame: number) =>
  ({ scope }: Broken): boolean =>
    program.scopes[scope].frame === frame;

describe('a program that is not sound', () => {
  test('it is sound before', () => {
    expect(checkProgram(copy())).toEqual([]);
  });

  test.each(TAMPERED)('%s', (_why, tamper) => {
    const program = copy();
    tamper(program);
    const [problem] = checkProgram(program);
    expect(problem).toMatch(/^[\p{L}\p{N}\p{P}\p{S} ]+$/u);
    // A file cannot hold what JSON lacks; all else is the same behind it.
    expect(() => loadPrograms({ kernel: serializeProgram(program) }, () => undefined)).toThrow(RangeError);
  });

  test.each([null, 5, 'kernel', [], {}].map((value) => [value]))('%j is none', (value) => {
    expect(checkProgram(value as unknown as Program)).toHaveLength(1);
  });

  test('code that is no text', () => {
    expect(checkProgram({ ...PROGRAM, emitted: { fast: { evil: 1 } } } as Broken)).toHaveLength(1);
  });

  test('what is wrong is said with its place', () => {
    const program = copy();
    program.blocks[0].instructions[0].site = EVIL;
    expect(checkProgram(program)).toEqual([
      'program.blocks[0].instructions[0].site is "0;evil()", not an integer from 0',
    ]);
  });
});

describe('a file of programs', () => {
  test('code that is made ahead is not taken from it', () => {
    const text = serializeProgram({ ...PROGRAM, emitted: { '{}': '{"source":"evil()"}' } });
    const program = loadPrograms({ kernel: text }, () => undefined).get('kernel')!;
    expect('emitted' in program).toBe(false);
    expect(program).toEqual(PROGRAM);
  });

  test('may be printed with spaces', () => {
    const [text] = Object.values(programTexts(programs));
    expect(parseProgram(JSON.stringify(JSON.parse(text!), null, 2))).toEqual(PROGRAM);
  });

  test.each([
    ['{"format":1}', "no program: its field 'program' is missing"],
    ['{"format":1,"program":[]}', "no program: its field 'program' is no object"],
    ['{"program":{}}', "no program: its field 'format' is missing"],
    ['{"format":2,"program":{}}', 'no program of format 1, but of format 2'],
    ['null', 'no program: expected {"format":1,"program":{…}}'],
    ['{"format":1,"program":{"bigint":"x"}}', 'no program: Cannot convert x to a BigInt'],
    ['{"format":', 'no program: '],
  ])('%s', (text, says) => {
    expect(() => parseProgram(text)).toThrow(RangeError);
    expect(() => parseProgram(text)).toThrow(says);
  });

  test('that is no object', () => {
    expect(() => loadPrograms(null as never, () => undefined)).toThrow(RangeError);
  });
});
