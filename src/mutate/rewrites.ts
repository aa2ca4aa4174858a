import type { Instruction, Operand, Program, ValueType } from '../program/index.js';
import { typeOfOperand } from '../program/index.js';
import type { Scope } from '../simt/index.js';
import type { MutationKind } from './mutant.js';
import type { PolledCompare } from './polled.js';

/** Gives variables that nothing else uses. */
export interface Temporaries {
  add(type: ValueType): number;
}

/** One way to weaken an instruction. */
export interface Rewrite {
  readonly kind: MutationKind;
  /** Tells rewrites of one kind and instruction apart; empty if there is but one. */
  readonly variant: string;
  readonly change: string;
  /** What takes the instruction's place. It sets every variable that the instruction sets. */
  readonly write: (temporaries: Temporaries) => readonly Instruction[];
}

export interface RewriteContext {
  readonly program: Program;
  /** Constant ids of the program's barriers, in their order. */
  readonly barrierIds: readonly number[];
  readonly polled: ReadonlyMap<Instruction, PolledCompare>;
}

type Of<Op extends Instruction['op']> = Extract<Instruction, { readonly op: Op }>;

/** All ways to weaken an instruction; none if it synchronises nothing. */
export function rewritesOf(instruction: Instruction, context: RewriteContext): readonly Rewrite[] {
  switch (instruction.op) {
    case 'barrier':
      return ofBarrier(instruction, context);
    case 'collective':
      return ofCollective(instruction, context.program);
    case 'fence':
      return [remove('fence-removed', `no fence.${instruction.scope}`), ...narrowed(instruction)];
    case 'load':
    case 'store':
      return ofAccess(instruction);
    case 'atomic':
      return [...narrowed(instruction), ...splitAtomic(instruction)];
    case 'compare': {
      const polled = context.polled.get(instruction);
      return polled === undefined ? [] : weakened(instruction, polled);
    }
    default:
      return [];
  }
}

const remove = (kind: MutationKind, change: string): Rewrite => ({ kind, variant: '', change, write: () => [] });

export const variable = (index: number): Operand => ({ kind: 'variable', index });
export const constant = (type: ValueType, value: number | bigint | boolean): Operand => ({
  kind: 'constant',
  type,
  value,
});
const LANE: Operand = { kind: 'special', name: 'laneId' };

// --- Barriers

function ofBarrier(instruction: Of<'barrier'>, { program, barrierIds }: RewriteContext): Rewrite[] {
  const { site, kind, id, threadCount } = instruction;
  const found = [remove('barrier-removed', `no barrier.${kind}`)];
  const countType = typeOfOperand(program, threadCount);
  if (threadCount.kind === 'constant') {
    const count = Number(threadCount.value);
    if (count > 32) {
      found.push({
        kind: 'barrier-count',
        variant: '',
        change: `${count - 32} threads instead of ${count}`,
        write: () => [{ ...instruction, threadCount: constant(countType, count - 32) }],
      });
    }
  } else {
    found.push({
      kind: 'barrier-count',
      variant: '',
      change: '32 threads fewer',
      write: (temporaries) => {
        const [fewer, count] = [temporaries.add(countType), temporaries.add(countType)];
        const shared = { site, op: 'binary' as const, type: countType };
        return [
          { ...shared, operator: 'sub', to: fewer, a: threadCount, b: constant(countType, 32) },
          { ...shared, operator: 'max', to: count, a: variable(fewer), b: constant(countType, 32) },
          { ...instruction, threadCount: variable(count) },
        ];
      },
    });
  }
  const own = id.kind === 'constant' ? Number(id.value) : null;
  const other = barrierIds.find((used) => used !== own);
  if (other !== undefined) {
    found.push({
      kind: 'barrier-id',
      variant: '',
      change: own === null ? `id ${other}` : `id ${other} instead of ${own}`,
      write: () => [{ ...instruction, id: constant('i32', other) }],
    });
  } else if (own === null) {
    found.push({
      kind: 'barrier-id',
      variant: '',
      change: 'id ^ 1',
      write: (temporaries) => {
        const changed = temporaries.add('i32');
        const { operand, before } = asWord(id, typeOfOperand(program, id), site, temporaries);
        return [
          ...before,
          { site, op: 'binary', operator: 'xor', type: 'i32', to: changed, a: operand, b: constant('i32', 1) },
          { ...instruction, id: variable(changed) },
        ];
      },
    });
  }
  return found;
}

/** An i32, u32 or f64 as i32. */
function asWord(operand: Operand, from: ValueType, site: number, temporaries: Temporaries) {
  if (from === 'i32') return { operand, before: [] };
  const to = temporaries.add('i32');
  const convert: Instruction = { site, op: 'convert', from, type: 'i32', to, a: operand };
  return { operand: variable(to), before: [convert] };
}

// --- Warp-wide operations

function ofCollective(instruction: Of<'collective'>, program: Program): Rewrite[] {
  const { site, operation, to, value, mask } = instruction;
  const found: Rewrite[] = [];
  if (operation === 'sync') found.push(remove('syncwarp-removed', 'no bar.warp.sync'));
  found.push({
    kind: 'mask-lane',
    variant: '',
    change: `${operation} without the highest lane`,
    write: (temporaries) => {
      const [zeros, high, bit, rest, isHigh, own] = (['i32', 'i32', 'i32', 'i32', 'pred', 'i32'] as const).map((type) =>
        temporaries.add(type),
      ) as [number, number, number, number, number, number];
      const { operand, before } = asWord(mask, typeOfOperand(program, mask), site, temporaries);
      const word = temporaries.add('u32');
      return [
        ...before,
        { site, op: 'unary', operator: 'clz', type: 'i32', to: zeros, a: operand },
        { site, op: 'binary', operator: 'sub', type: 'i32', to: high, a: constant('i32', 31), b: variable(zeros) },
        { site, op: 'binary', operator: 'shl', type: 'i32', to: bit, a: constant('i32', 1), b: variable(high) },
        { site, op: 'binary', operator: 'xor', type: 'i32', to: rest, a: operand, b: variable(bit) },
        { site, op: 'compare', operator: 'eq', type: 'i32', to: isHigh, a: LANE, b: variable(high) },
        { site, op: 'select', type: 'i32', to: own, condition: variable(isHigh), a: variable(bit), b: variable(rest) },
        { site, op: 'convert', from: 'i32', type: 'u32', to: word, a: variable(own) },
        { ...instruction, mask: variable(word) },
      ];
    },
  });
  if ((operation === 'any' || operation === 'all') && value !== null) {
    found.push({
      kind: 'vote-own',
      variant: '',
      change: `own predicate instead of ${operation}`,
      write: () => (to === -1 ? [] : [{ site, op: 'move', type: 'pred', to, a: value }]),
    });
  }
  return found;
}

/** A visible instruction that does nothing: the lane meets itself. */
export function pause(site: number, temporaries: Temporaries): readonly Instruction[] {
  const own = temporaries.add('u32');
  return [
    { site, op: 'binary', operator: 'shl', type: 'u32', to: own, a: constant('u32', 1), b: LANE },
    {
      site,
      op: 'collective',
      operation: 'sync',
      to: -1,
      type: 'u32',
      mask: variable(own),
      value: null,
      a: null,
      b: null,
    },
  ];
}

// --- Accesses

const NARROWER: Readonly<Record<Scope, readonly Scope[]>> = {
  system: ['device', 'block'],
  device: ['block'],
  block: [],
};

const narrowed = (instruction: Of<'fence' | 'atomic' | 'load' | 'store'>): Rewrite[] =>
  NARROWER[instruction.scope].map((scope) => ({
    kind: 'scope-narrowed',
    variant: scope,
    change: `${instruction.op} of scope ${scope} instead of ${instruction.scope}`,
    write: () => [{ ...instruction, scope }],
  }));

function ofAccess(instruction: Of<'load' | 'store'>): Rewrite[] {
  const { op, ordering } = instruction;
  if (ordering === 'plain') return [];
  const found: Rewrite[] = [
    {
      kind: 'access-plain',
      variant: '',
      change: `plain ${op} instead of ${ordering}`,
      write: () => [{ ...instruction, ordering: 'plain' }],
    },
  ];
  if (ordering === 'acquire' || ordering === 'release') {
    found.push({
      kind: 'order-relaxed',
      variant: '',
      change: `relaxed ${op} instead of ${ordering}`,
      write: () => [{ ...instruction, ordering: 'relaxed' }],
    });
  }
  // A volatile access reaches everybody, whatever its scope says.
  return ordering === 'volatile' ? found : [...found, ...narrowed(instruction)];
}

/** Not of `inc` and `dec`, which take more than an operation. */
function splitAtomic(instruction: Of<'atomic'>): Rewrite[] {
  const { site, operator, elementType: type, to, base, index, value, compare, scope } = instruction;
  if (operator === 'inc' || operator === 'dec') return [];
  const write = (temporaries: Temporaries): Instruction[] => {
    const old = temporaries.add(type);
    const place = { site, elementType: type, base, index, ordering: 'plain' as const, scope };
    const list: Instruction[] = [{ ...place, op: 'load', to: [{ kind: 'variable', index: old }] }];
    let stored = value;
    if (operator === 'cas') {
      const [isEqual, chosen] = [temporaries.add('pred'), temporaries.add(type)];
      list.push(
        { site, op: 'compare', operator: 'eq', type, to: isEqual, a: variable(old), b: compare! },
        { site, op: 'select', type, to: chosen, condition: variable(isEqual), a: value, b: variable(old) },
      );
      stored = variable(chosen);
    } else if (operator !== 'exch') {
      const changed = temporaries.add(type);
      list.push({ site, op: 'binary', operator, type, to: changed, a: variable(old), b: value });
      stored = variable(changed);
    }
    list.push({ ...place, op: 'store', values: [stored] });
    // Last: what it sets may be an operand.
    if (to !== -1) list.push({ site, op: 'move', type, to, a: variable(old) });
    return list;
  };
  return [{ kind: 'atomic-split', variant: '', change: `plain load and store instead of atomic ${operator}`, write }];
}

// --- Comparisons of what is polled

/** The same comparison as one of `polled OPERATOR bound` that holds when the wait ends. */
function weakened(instruction: Of<'compare'>, { isSwapped, endsWhen }: PolledCompare): Rewrite[] {
  const { site, type, to, a, b } = instruction;
  const [polled, bound] = isSwapped ? [b, a] : [a, b];
  const seen = isSwapped ? SWAPPED[instruction.operator] : instruction.operator;
  const operator = endsWhen ? seen : NEGATED[seen];
  const hasOrder = type !== 'pred' && type !== 'ptr';
  /** The condition is `holds`, or its opposite if the wait goes on while it holds. */
  const result = (list: readonly Instruction[], holds: Operand): readonly Instruction[] => [
    ...list,
    endsWhen
      ? { site, op: 'move', type: 'pred', to, a: holds }
      : { site, op: 'unary', operator: 'not', type: 'pred', to, a: holds },
  ];
  const rewrite = (change: string, write: Rewrite['write']): Rewrite[] => [
    { kind: 'poll-weakened', variant: '', change, write },
  ];
  const compared = (other: Of<'compare'>['operator']) => (temporaries: Temporaries) => {
    const holds = temporaries.add('pred');
    return result([{ site, op: 'compare', operator: other, type, to: holds, a: polled, b: bound }], variable(holds));
  };
  switch (operator) {
    case 'ne':
      return rewrite('the wait ends at once instead of with !=', () => result([], constant('pred', true)));
    case 'eq':
      return hasOrder
        ? rewrite('the wait ends with >= instead of ==', compared('ge'))
        : rewrite('the wait ends at once instead of with ==', () => result([], constant('pred', true)));
    case 'gt':
      return rewrite('the wait ends with >= instead of >', compared('ge'));
    case 'lt':
      return rewrite('the wait ends with <= instead of <', compared('le'));
    case 'ge':
    case 'le': {
      const step = operator === 'ge' ? 'sub' : 'add';
      return rewrite(`the wait ends one ${operator === 'ge' ? 'lower' : 'higher'}`, (temporaries) => {
        const holds = temporaries.add('pred');
        const next = temporaries.add(type);
        const isNext = temporaries.add('pred');
        const either = temporaries.add('pred');
        const one = constant(type, type === 'i64' || type === 'u64' ? 1n : 1);
        // Not one comparison with the other bound: that may wrap.
        return result(
          [
            { site, op: 'compare', operator, type, to: holds, a: polled, b: bound },
            { site, op: 'binary', operator: step, type, to: next, a: bound, b: one },
            { site, op: 'compare', operator: 'eq', type, to: isNext, a: polled, b: variable(next) },
            { site, op: 'binary', operator: 'or', type: 'pred', to: either, a: variable(holds), b: variable(isNext) },
          ],
          variable(either),
        );
      });
    }
    default:
      return operator satisfies never;
  }
}

const SWAPPED = { eq: 'eq', ne: 'ne', lt: 'gt', le: 'ge', gt: 'lt', ge: 'le' } as const;
const NEGATED = { eq: 'ne', ne: 'eq', lt: 'ge', le: 'gt', gt: 'le', ge: 'lt' } as const;
