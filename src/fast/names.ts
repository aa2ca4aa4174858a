import type { ConstantOperand, Names, Operand, Program, SpecialName } from '../program/index.js';
import type { Layout } from './layout.js';
import type { Uniformity } from './uniformity.js';

/** What code for one program needs in order to name things. */
export interface Naming {
  readonly program: Program;
  readonly uniformity: Uniformity;
  readonly layout: Layout;
  readonly hasWholeRows: boolean;
  /** Variables that live in JavaScript locals of one lane loop. */
  readonly isLocal: (variable: number) => boolean;
}

const identifierOf = (name: SpecialName): string => `s_${name.replace('.', '_')}`;

/** A number as JavaScript text that can stand anywhere in an expression. */
const literal = (value: number): string =>
  Object.is(value, -0) || value < 0 ? `(${Object.is(value, -0) ? '-0' : value})` : String(value);

function constant({ type, value }: ConstantOperand): string {
  if (type === 'pred') return value === true ? 'true' : 'false';
  return literal(Number(value));
}

function constantWords({ value }: ConstantOperand): readonly [string, string] {
  const bits = BigInt.asIntN(64, BigInt(value));
  return [literal(Number(BigInt.asIntN(32, bits))), literal(Number(bits >> 32n))];
}

/** Names of what is one a warp: variables are `g3`, parameters `p3`, with `l` and `h` for the words of 64 bits. */
export function warpNames({ program, uniformity, layout, hasWholeRows }: Naming): Names {
  const special = (name: SpecialName): string => {
    // Stands for its neighbours: any lane that takes part will do.
    if (name === 'laneId') return 'FIRST';
    if (name === 'threadIdx.x') return hasWholeRows ? '(tx0 + FIRST)' : 'TX[t0 + FIRST]';
    return identifierOf(name);
  };
  return {
    value(operand) {
      switch (operand.kind) {
        case 'constant':
          return constant(operand);
        case 'param':
          return `p${operand.index}`;
        case 'special':
          return special(operand.name);
        case 'variable': {
          const { index } = operand;
          const { type } = program.variables[index]!;
          if (uniformity.isUniform(operand)) return `g${index}`;
          if (type === 'pred') return `(m${index} >>> FIRST & 1)`;
          if (type === 'f64' || type === 'ptr') return `D[${layout.place[index]} + FIRST]`;
          const word = `V[${layout.place[index]} + FIRST]`;
          return type === 'u32' ? `(${word} >>> 0)` : word;
        }
        default:
          return operand satisfies never;
      }
    },
    words(operand) {
      switch (operand.kind) {
        case 'constant':
          return constantWords(operand);
        case 'param':
          return [`p${operand.index}l`, `p${operand.index}h`];
        case 'variable':
          return [`g${operand.index}l`, `g${operand.index}h`];
        default:
          throw new Error(`[simtwin bug] ${operand.kind} of 64 bits`);
      }
    },
    assign: (variable, expression) =>
      program.variables[variable]!.type === 'pred'
        ? `g${variable} = (${expression}) ? 1 : 0;`
        : `g${variable} = ${expression};`,
    assignWords: (variable, low, high) => `{ const low_ = ${low}; g${variable}h = ${high}; g${variable}l = low_; }`,
  };
}

/** Names within a loop over lanes. */
export interface LaneNames extends Names {
  /** A new loop begins: no copies are known. Bits of the masks `cleared` are 0 and set at most once. */
  reset(cleared: ReadonlySet<number>): void;
  /** What is written from here to {@link leaveBranch} may not be reached by all lanes. */
  enterBranch(): void;
  leaveBranch(): void;
}

/**
 * Names within a loop over lanes: `l` is the lane, `bit` its bit; locals are `v3`. What has been written to `V` or `D`
 * has a copy `w3`, which is quicker to read.
 */
export function laneNames(naming: Naming): LaneNames {
  const copies = new Set<number>();
  let clearedMasks: ReadonlySet<number> = new Set();
  let branches = 0;
  /** The target of an assignment to memory, and its copy if there may be one. */
  const target = (place: string, variable: number): string => {
    if (branches === 0) copies.add(variable);
    return copies.has(variable) ? `${place} = w${variable}` : place;
  };
  const { program, uniformity, layout, hasWholeRows, isLocal } = naming;
  const warp = warpNames(naming);
  const isOfWarp = (operand: Operand) => operand.kind !== 'special' && uniformity.isUniform(operand);
  return {
    value(operand) {
      if (isOfWarp(operand)) return warp.value(operand);
      if (operand.kind === 'special') {
        const { name } = operand;
        if (name === 'laneId') return 'l';
        if (name === 'threadIdx.x') return hasWholeRows ? '(tx0 + l)' : 'TX[t0 + l]';
        if (!hasWholeRows && name === 'threadIdx.y') return 'TY[t0 + l]';
        if (!hasWholeRows && name === 'threadIdx.z') return 'TZ[t0 + l]';
        return identifierOf(name);
      }
      const { index } = operand as { index: number };
      if (isLocal(index)) return `v${index}`;
      const { type } = program.variables[index]!;
      const at = layout.place[index];
      if (type === 'pred') return `(m${index} & bit)`;
      if (copies.has(index)) return `w${index}`;
      if (type === 'f64' || type === 'ptr') return `D[${at} + l]`;
      return type === 'u32' ? `(V[${at} + l] >>> 0)` : `V[${at} + l]`;
    },
    words(operand) {
      if (isOfWarp(operand)) return warp.words(operand);
      const { index } = operand as { index: number };
      if (isLocal(index)) return [`v${index}l`, `v${index}h`];
      const at = layout.place[index]!;
      return [`V[${at} + l]`, `V[${at + 32} + l]`];
    },
    assign(variable, expression) {
      const { type } = program.variables[variable]!;
      // A value that is the same for all lanes may be computed in a loop over them.
      if (uniformity.isUniform({ kind: 'variable', index: variable })) return warp.assign(variable, expression);
      if (isLocal(variable))
        return type === 'pred' ? `v${variable} = !!(${expression});` : `v${variable} = ${expression};`;
      const at = layout.place[variable];
      if (type === 'pred') {
        return clearedMasks.has(variable)
          ? `if (${expression}) m${variable} |= bit;`
          : `m${variable} = (${expression}) ? m${variable} | bit : m${variable} & ~bit;`;
      }
      return `${target(type === 'f64' || type === 'ptr' ? `D[${at} + l]` : `V[${at} + l]`, variable)} = ${expression};`;
    },
    reset(cleared) {
      clearedMasks = cleared;
      copies.clear();
      branches = 0;
    },
    enterBranch() {
      branches++;
    },
    leaveBranch() {
      branches--;
    },
    assignWords(variable, low, high) {
      if (isLocal(variable)) return `{ const low_ = ${low}; v${variable}h = ${high}; v${variable}l = low_; }`;
      const at = layout.place[variable]!;
      return `{ const low_ = ${low}; V[${at + 32} + l] = ${high}; V[${at} + l] = low_; }`;
    },
  };
}
