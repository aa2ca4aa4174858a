import { type Instruction, isWide } from '../program/index.js';
import type { Emission } from './emission.js';
import { type Collective, isFull } from './segments.js';

/** Code for warp-wide operations: operands for the engine, results from it, and votes as operations on masks. */
export class WarpOperations {
  readonly #e: Emission;

  constructor(emission: Emission) {
    this.#e = emission;
  }

  /** Puts a lane's operands where the engine finds them. */
  offer(instruction: Instruction): string {
    const names = this.#e.lane;
    if (instruction.op === 'barrier') {
      return `XA[l] = ${names.value(instruction.id)}; XB[l] = ${names.value(instruction.threadCount)};`;
    }
    if (instruction.op !== 'collective') throw new Error(`[simtwin bug] ${instruction.op} is offered`);
    const { mask, value, a, b } = instruction;
    const out = [`XM[l] = ${names.value(mask)};`];
    if (value !== null) {
      const type = this.#e.typeOf(value);
      if (isWide(type)) {
        const [low, high] = names.words(value);
        out.push(`XL[l] = ${low}; XH[l] = ${high};`);
      } else if (type === 'pred') out.push(`XL[l] = ${names.value(value)} ? 1 : 0;`);
      else if (type === 'f64') out.push(`XD[l] = ${names.value(value)};`);
      else out.push(`XL[l] = ${names.value(value)};`);
    }
    if (a !== null) out.push(`XA[l] = ${names.value(a)};`);
    if (b !== null) out.push(`XB[l] = ${names.value(b)};`);
    return out.join(' ');
  }

  /** A lane takes its result. */
  receive(instruction: Instruction): string {
    if (instruction.op !== 'collective') throw new Error(`[simtwin bug] ${instruction.op} is received`);
    const { to } = instruction;
    if (to === -1) return '';
    if (this.#isPlainVote(instruction)) {
      // A ballot whose shift differs by lane: what was voted is in a local of the region.
      return this.#e.lane.assign(to, `(q${instruction.site} >>> ${this.#e.lane.value(instruction.a!)}) >>> 0`);
    }
    return this.#e.result(this.#e.lane, to, 'l');
  }

  /** A vote of a converged warp under one mask: an operation on masks. */
  #isPlainVote(instruction: Extract<Instruction, { op: 'collective' }>): boolean {
    return (
      this.#e.analysis.isConverged &&
      ['sync', 'any', 'all', 'ballot'].includes(instruction.operation) &&
      this.#e.uniformity.isUniform(instruction.mask)
    );
  }

  /** Looks at the masks of a vote, unless they have been seen with these live lanes, and notes the votes. */
  masks(instruction: Collective): string {
    const { mask, value, site } = instruction;
    const seen = this.#e.layout.size.fWords + this.#e.seenMasks++;
    const number = this.#e.suspended.push(instruction) - 1;
    const place = this.#e.layout.place[(mask as { index: number }).index]!;
    const check = `if (F[${seen}] !== mask) { E.checkMasks(w, ${number}, mask, V, ${place}); F[${seen}] = mask; }`;
    return value === null ? check : `${check} q${site} = ${this.#e.mask(value)};`;
  }

  /** Performs a vote, unless lanes are missing or their masks have to be looked at: `offer` then hands it to the engine. */
  meeting({ operation, mask, value }: Collective, offer: string): string {
    const seen = this.#e.layout.size.fWords + this.#e.seenMasks++;
    const place = this.#e.layout.place[(mask as { index: number }).index]!;
    const vote = value === null ? '' : `E.vote(${operation === 'all'}, ${this.#e.mask(value)}, mask, V, ${place});`;
    return `w.isPerformed = F[${seen}] === mask && mask === w.live; if (w.isPerformed) { ${vote} } else { w.seen = ${seen}; ${offer} }`;
  }

  /** A lane's result of a vote among the lanes of its mask. */
  vote({ operation, mask, to, a, site }: Collective): string {
    const votes = `q${site} & ${this.#e.lane.value(mask)}`;
    switch (operation) {
      case 'any':
        return this.#e.lane.assign(to, `(${votes}) !== 0`);
      case 'all':
        return this.#e.lane.assign(to, `(${votes}) === (mask & ${this.#e.lane.value(mask)})`);
      default:
        return this.#e.lane.assign(to, `((${votes}) >>> ${this.#e.lane.value(a!)}) >>> 0`);
    }
  }

  collective(instruction: Instruction, isOffered: boolean): string {
    if (instruction.op !== 'collective') throw new Error(`[simtwin bug] ${instruction.op} is no collective`);
    const { to, site } = instruction;
    if (isOffered) {
      const number = this.#e.suspended.push(instruction) - 1;
      const perform = `E.performTogether(w, ${number}, mask);`;
      if (to === -1 || !this.#e.uniformity.isUniform({ kind: 'variable', index: to })) return perform;
      return `${perform} ${this.#e.result(this.#e.warp, to, 'FIRST')}`;
    }
    const member = this.#e.warp.value(instruction.mask);
    const check = isFull(instruction.mask)
      ? ''
      : `if ((${member} & mask) !== mask) E.notInMask(w, ${this.#e.suspended.push(instruction) - 1}, mask, ${member});`;
    if (instruction.operation === 'sync') return check;
    const votes = this.#e.mask(instruction.value!);
    switch (instruction.operation) {
      case 'any':
        return `${check} ${this.#e.warp.assign(to, `${votes} !== 0`)}`;
      case 'all':
        return `${check} ${this.#e.warp.assign(to, `${votes} === mask`)}`;
      default: {
        if (!this.#e.uniformity.isUniform({ kind: 'variable', index: to })) return `${check} q${site} = ${votes};`;
        return `${check} ${this.#e.warp.assign(to, `(${votes} >>> ${this.#e.warp.value(instruction.a!)}) >>> 0`)}`;
      }
    }
  }
}
