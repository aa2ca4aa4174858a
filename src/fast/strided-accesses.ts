import {
  accessedBytes,
  defUseOf,
  emitArithmetic,
  type Instruction,
  isArithmetic,
  isWide,
  mayThrow,
  type Names,
  type Operand,
  type VariableOperand,
} from '../program/index.js';
import { scalarBytes } from '../simt/index.js';
import { type Access, refreshSite } from './access-code.js';
import type { Emission } from './emission.js';
import { LANES } from './layout.js';
import type { LanePart } from './segments.js';

/** Accesses of lane loops whose offsets grow by the same from lane to lane: looked at once, before the loop. */
export class StridedAccesses {
  readonly #e: Emission;

  constructor(emission: Emission) {
    this.#e = emission;
  }

  /**
   * The accesses of a lane loop whose offsets follow a stride, which every lane performs, and whose first address is known
   * before the loop, with their strides.
   */
  stridedAccesses(parts: readonly LanePart[]): Map<Access, number> {
    const strided = new Map<Access, number>();
    for (const part of parts) {
      if (part.kind !== 'instruction') continue;
      const { instruction } = part;
      if (instruction.op !== 'load' && instruction.op !== 'store') continue;
      const base = this.#e.strides(instruction.base);
      const index = this.#e.strides(instruction.index);
      if (base === null || index === null) continue;
      const bytes = scalarBytes(instruction.elementType);
      const stride = base + index * bytes;
      const size = accessedBytes(instruction);
      if (!Number.isInteger(stride) || stride < 0 || stride > 2 ** 20 || stride % size !== 0) continue;
      if (![instruction.base, instruction.index].every((operand) => this.#isKnownBefore(operand, parts, instruction)))
        continue;
      strided.set(instruction, stride);
    }
    return strided;
  }

  /** Whether lane 0's value of an operand can be computed before a lane loop. */
  #isKnownBefore(operand: Operand, parts: readonly LanePart[], user: Instruction): boolean {
    if (operand.kind !== 'variable' || this.#e.uniformity.isUniform(operand)) return true;
    const setters = parts.flatMap((part) => {
      const inside =
        part.kind === 'hammock'
          ? [...part.hammock.nodes].flatMap((node) => this.#e.analysis.nodes[node]!.items)
          : part.kind === 'offer'
            ? []
            : [part.instruction];
      return inside.filter((instruction) => defUseOf(instruction).targets.includes(operand.index));
    });
    const [setter] = setters;
    if (setter === undefined) return !this.#e.naming.isLocal(operand.index);
    const isBefore = parts.some(
      (part, at) =>
        part.kind === 'instruction' &&
        part.instruction === setter &&
        at < parts.findIndex((other) => other.kind === 'instruction' && other.instruction === user),
    );
    return (
      setters.length === 1 &&
      isBefore &&
      isArithmetic(setter) &&
      !mayThrow(setter) &&
      !('type' in setter && isWide(setter.type)) &&
      defUseOf(setter).operands.every((used) => this.#isKnownBefore(used, parts, setter))
    );
  }

  /** Statements that compute the first offsets of strided accesses: `z3` of site 3; -1 if lanes go on one by one. */
  firstOffsets(strided: ReadonlyMap<Access, number>, parts: readonly LanePart[]): string[] {
    const lines: string[] = [];
    const first = this.#laneNames(0, lines, parts);
    const last = this.#laneNames(LANES - 1, lines, parts);
    for (const [access, stride] of strided) {
      const site = this.#e.siteOf.get(access)!;
      const bytes = scalarBytes(access.elementType);
      const address = (value: (operand: Operand) => string) =>
        `${value(access.base)} + ${value(access.index)} * ${bytes}`;
      const both = `${address(first)}, ${address(last)}`;
      lines.push(
        `z${site} = E.strided(S${site}, w, ${both}, ${stride}); ${refreshSite(site, access, this.#isRelative(access))}`,
      );
    }
    return lines;
  }

  /** Expressions for the values of one lane before the loop; what has to be computed for them goes to `lines`. */
  #laneNames(lane: number, lines: string[], parts: readonly LanePart[]): (operand: Operand) => string {
    const local = (variable: number) => `y${variable}_${lane}`;
    const computed = new Set<number>();
    const isOfLane = (operand: Operand): operand is VariableOperand =>
      operand.kind === 'variable' && !this.#e.uniformity.isUniform(operand);
    const value = (operand: Operand): string => {
      if (operand.kind === 'special') return this.#e.lane.value(operand).replace(/\bl\b/, String(lane));
      if (!isOfLane(operand)) return this.#e.warp.value(operand);
      if (computed.has(operand.index)) return local(operand.index);
      const { type } = this.#e.program.variables[operand.index]!;
      const place = this.#e.layout.place[operand.index]! + lane;
      if (type === 'f64' || type === 'ptr') return `D[${place}]`;
      if (type === 'pred') return `(m${operand.index} >>> ${lane} & 1)`;
      return type === 'u32' ? `(V[${place}] >>> 0)` : `V[${place}]`;
    };
    const names: Names = {
      value,
      words: (operand) => this.#e.warp.words(operand),
      assign: (variable, expression) => `const ${local(variable)} = ${expression};`,
      assignWords: () => {
        throw new Error('[simtwin bug] a strided address of 64-bit words');
      },
    };
    const compute = (operand: Operand): void => {
      if (!isOfLane(operand) || computed.has(operand.index)) return;
      const setter = parts
        .flatMap((part) => (part.kind === 'instruction' ? [part.instruction] : []))
        .find((instruction) => defUseOf(instruction).to === operand.index);
      if (setter === undefined || !isArithmetic(setter)) return;
      defUseOf(setter).operands.forEach(compute);
      lines.push(emitArithmetic(setter, names));
      computed.add(operand.index);
    };
    return (operand) => {
      compute(operand);
      return value(operand);
    };
  }

  #isRelative({ base }: Access): boolean {
    return base.kind !== 'special' && this.#e.uniformity.isUniform(base);
  }
}
