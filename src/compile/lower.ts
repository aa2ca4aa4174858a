import { ProgramBuilder } from '../program/builder.js';
import { loadedType, type Program, type Source, type Target, type ValueType } from '../program/program.js';
import { type Analysis, analyse } from './analyse.js';
import type { CodeBuilder } from './code-builder.js';
import type { Context } from './context.js';
import { Demands, failAt } from './demands.js';
import { type Block, type HirElement, type HirSource, type Instruction, reversePostorder } from './hir.js';
import { lowerPure } from './lower-pure.js';
import { LoweredValues } from './lowered-values.js';
import { isExact, type NumberRange } from './number-ranges.js';
import { simplifyBranches } from './simplify-branches.js';
import { tidy } from './tidy.js';
import { Types } from './types.js';

/** Makes a program of the graph that the interpreter has built. */
export function lowerProgram({ code }: Context, name: string): Program {
  simplifyBranches(code);
  const analysed = analyse(code.entry, code.tables);
  // What goes away throws: nothing that is known comes from there.
  const analysis = foldChecks(analysed) ? { ...analysed, blocks: reversePostorder(code.entry) } : analysed;
  reportUnassigned(code, analysis);
  const types = new Types(analysis, code.tables);
  const demands = new Demands(code, analysis, types);
  const builder = new ProgramBuilder(name, code);
  const values = new LoweredValues(code, builder, types, demands);
  const numberOf = new Map(analysis.blocks.map((block, at) => [block, at]));
  for (const block of analysis.blocks) {
    builder.begin();
    values.beginBlock();
    for (const instruction of block.instructions) lowerInstruction(values, instruction);
    const { end } = block;
    const at = (target: Block) => numberOf.get(target)!;
    if (end === null) throw new Error(`[simtwin bug] block ${block.id} has no end`);
    if (end.op === 'jump') builder.end({ op: 'jump', site: end.site, target: at(end.target) });
    else if (end.op === 'branch') {
      const condition = values.value(end.condition, 'pred', end.site);
      // biome-ignore lint/suspicious/noThenProperty: a terminator is no promise
      builder.end({ op: 'branch', site: end.site, condition, then: at(end.onTrue), else: at(end.onFalse) });
    } else builder.end(end);
  }
  return tidy(builder.finish());
}

/** Removes guards that intervals decide; whether there were any. */
function foldChecks({ blocks, rangeOf }: Analysis): boolean {
  let hasChanged = false;
  for (const block of blocks) {
    const { end } = block;
    if (end?.op !== 'branch' || !end.isCheck || end.condition.op !== 'temp') continue;
    const { by } = end.condition.temp;
    if (by.op !== 'pure' || by.compare === undefined) continue;
    const [range, limit] = by.args.map(rangeOf) as NumberRange[] as [NumberRange, NumberRange];
    if (range.mayBeNaN || !range.isInteger) continue;
    const holds = by.compare.operator === 'ge' ? range.lo >= limit.lo : range.hi <= limit.lo;
    if (!holds) continue;
    block.end = { op: 'jump', site: end.site, target: end.onTrue };
    hasChanged = true;
  }
  return hasChanged;
}

function reportUnassigned(code: CodeBuilder, { unassigned }: Analysis): void {
  for (const instruction of unassigned) {
    if (instruction.op !== 'read' || instruction.variable.kind === 'ptr') continue;
    const name = instruction.variable.name ?? 'a value';
    failAt(
      code,
      instruction.site,
      `a read of '${name}', which may not have been assigned,`,
      'give it a value where it is declared',
    );
  }
}

function lowerInstruction(v: LoweredValues, instruction: Instruction): void {
  const { site } = instruction;
  const { builder } = v;
  const element = ({ array, index }: HirElement) => ({ kind: 'element', array, index: v.number(index, site) }) as const;
  const source = (value: HirSource, type: 'word' | 'i64' | 'u64'): Source => {
    if (value.op === 'element') return element(value.element);
    return type === 'word' ? v.low32(value, site) : v.low64(value, type, site);
  };
  /** How values of an element are passed. */
  const kindOf = (type: string) => (type === 'i64' || type === 'u64' ? type : 'word');
  switch (instruction.op) {
    case 'pure':
      lowerPure(v, instruction);
      return;
    case 'read': {
      const temp = instruction.to!;
      if (!v.demands.isNeeded(temp)) return;
      const type = v.types.ofTemp(temp);
      if (type === null) {
        v.failWide(site);
        return;
      }
      builder.emit({ op: 'move', site, type, to: v.define(temp, type), a: v.variable(instruction.variable) });
      return;
    }
    case 'assign': {
      const type = v.types.ofVariable(instruction.variable);
      if (type === null) {
        v.failWide(site);
        return;
      }
      const a = v.value(instruction.value, type, site);
      builder.emit({ op: 'move', site, type, to: v.variable(instruction.variable).index, a });
      return;
    }
    case 'undefine':
      if (instruction.variable.kind === 'ptr')
        builder.emit({
          op: 'move',
          site,
          type: 'ptr',
          to: v.variable(instruction.variable).index,
          a: { kind: 'constant', type: 'ptr', value: 0 },
        });
      return;
    case 'clearArray':
      builder.emit({ op: 'clearArray', site, array: instruction.array });
      return;
    case 'readElement': {
      const type = loadedType(instruction.elementType);
      builder.emit({
        op: 'readElement',
        site,
        to: v.define(instruction.to!, type),
        element: element(instruction.element),
      });
      return;
    }
    case 'writeElement': {
      const kind = kindOf(v.code.arrays[instruction.element.array]!.elementType);
      const a = source(instruction.value, kind);
      builder.emit({ op: 'writeElement', site, element: element(instruction.element), a });
      return;
    }
    case 'selectElement': {
      const kind = kindOf(v.code.arrays[instruction.element.array]!.elementType);
      const condition = v.value(instruction.condition, 'pred', site);
      const [a, b] = [source(instruction.a, kind), source(instruction.b, kind)];
      builder.emit({ op: 'selectElement', site, element: element(instruction.element), condition, a, b });
      return;
    }
    case 'shared': {
      const { name, elementType } = instruction;
      const type = v.types.of(instruction.count) === 'i32' ? 'i32' : 'f64';
      const count = v.value(instruction.count, type, site);
      builder.emit({ op: 'shared', site, to: v.define(instruction.to!, 'ptr'), name, elementType, count });
      return;
    }
    case 'load': {
      const { elementType, ordering, scope } = instruction;
      const base = v.value(instruction.base, 'ptr', site);
      const index = v.number(instruction.index, site);
      const targets: Target[] = instruction.registers.map(element);
      if (targets.length === 0)
        targets.push({ kind: 'variable', index: v.define(instruction.to!, loadedType(elementType)) });
      builder.emit({ op: 'load', site, elementType, to: targets, base, index, ordering, scope });
      return;
    }
    case 'store': {
      const { elementType, ordering, scope } = instruction;
      const base = v.value(instruction.base, 'ptr', site);
      const index = v.number(instruction.index, site);
      const values = instruction.values.map((value) => source(value, kindOf(elementType)));
      builder.emit({ op: 'store', site, elementType, values, base, index, ordering, scope });
      return;
    }
    case 'atomic': {
      const { operator, elementType, scope, to } = instruction;
      const base = v.value(instruction.base, 'ptr', site);
      const index = v.number(instruction.index, site);
      const value = v.word(instruction.value, elementType, site);
      const compare = instruction.compare === null ? null : v.word(instruction.compare, elementType, site);
      const isUsed = to !== null && (v.demands.isNeeded(to) || to.name !== null);
      const target = isUsed ? v.define(to, elementType) : -1;
      builder.emit({ op: 'atomic', site, operator, elementType, to: target, base, index, value, compare, scope });
      return;
    }
    case 'fence':
      builder.emit({ op: 'fence', site, scope: instruction.scope });
      return;
    case 'collective':
      lowerCollective(v, instruction);
      return;
    case 'barrier': {
      const { kind, isAligned } = instruction;
      const id = v.number(instruction.id, site);
      const threadCount = v.number(instruction.threadCount, site);
      builder.emit({ op: 'barrier', site, kind, isAligned, id, threadCount });
      return;
    }
    case 'activemask':
      builder.emit({ op: 'activemask', site, to: v.define(instruction.to!, 'u32') });
      return;
    default:
      instruction satisfies never;
  }
}

function lowerCollective(v: LoweredValues, instruction: Instruction & { readonly op: 'collective' }): void {
  const { operation, site, to, value } = instruction;
  const result = to === null ? null : v.types.ofTemp(to);
  const mask = v.low32(instruction.mask, site);
  const given = value === null ? null : v.types.of(value);
  let type: ValueType = 'u32';
  if (operation === 'any' || operation === 'all' || operation === 'ballot') type = 'pred';
  else if (operation === 'redux.add') type = 'i32';
  else if (operation.startsWith('redux.') && operation !== 'redux.min' && operation !== 'redux.max') type = 'u32';
  else if (operation.startsWith('match')) type = given ?? 'u32';
  else if (result !== null) type = result;
  let operand = null;
  if (value !== null) {
    if (given === null) {
      v.failWide(site);
      return;
    }
    const isModular =
      operation.startsWith('redux.') && (type === 'u32' || type === 'i32') && !/min|max/.test(operation);
    if (operation === 'redux.add' && !isExact(v.types.number(value)))
      failAt(v.code, site, 'reduceAddSync of a number that may be no integer of 53 bits', 'write i32(…) or u32(…)');
    operand = isModular ? v.word(value, type as 'i32' | 'u32', site) : v.value(value, type, site);
  }
  const a = instruction.a === null ? null : v.number(instruction.a, site);
  const b = instruction.b === null ? null : v.number(instruction.b, site);
  const target = to === null ? v.builder.temporary('u32', 0) : v.define(to, result!);
  v.builder.emit({
    op: 'collective',
    site,
    operation,
    to: to === null ? -1 : target,
    type,
    mask,
    value: operand,
    a,
    b,
  });
}
