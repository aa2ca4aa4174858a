import { framesOf, type Instruction, isVisible, type Program } from '../program/index.js';
import type { TimelineLine, TimelineSite } from './timeline.js';

/** An instruction that threads execute, with how often they have. */
export interface CountedInstruction {
  /** Different for each. */
  readonly number: number;
  readonly instruction: Instruction;
  /** Row of the sites; -1: it stands in the machine's own library alone. */
  readonly site: number;
  /** Whether the scheduler sees it. */
  readonly isVisible: boolean;
  /** Threads that have executed it. */
  count: number;
}

/** The instructions that are executed, and where they stand. */
export class Sites {
  readonly #known = new Map<Instruction, CountedInstruction>();
  readonly #rows = new Map<string, number>();
  readonly #sites: TimelineSite[] = [];

  get table(): readonly TimelineSite[] {
    return [...this.#sites];
  }

  /** `program`: what the instruction is part of. */
  of(instruction: Instruction, program: Program): CountedInstruction {
    let known = this.#known.get(instruction);
    if (known === undefined) {
      const site = this.#rowOf(program, instruction.site);
      known = { number: this.#known.size, instruction, site, isVisible: isVisible(instruction), count: 0 };
      this.#known.set(instruction, known);
    }
    return known;
  }

  /** What has been executed, by file and line. */
  lines(): TimelineLine[] {
    const lines = new Map<string, { -readonly [Key in keyof TimelineLine]: TimelineLine[Key] }>();
    for (const { instruction, site, count } of this.#known.values()) {
      if (site === -1 || count === 0) continue;
      const { file, line } = this.#sites[site]!;
      const key = `${line} ${file}`;
      const counts = lines.get(key) ?? {
        file,
        line,
        loads: 0,
        stores: 0,
        atomics: 0,
        fences: 0,
        warpOperations: 0,
        barriers: 0,
      };
      counts[countOf(instruction)] += count;
      lines.set(key, counts);
    }
    return [...lines.values()].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
  }

  #rowOf(program: Program, site: number): number {
    const [frame] = framesOf(program, site);
    if (frame === undefined) return -1;
    const { file, line, column, functionName } = frame;
    const key = `${line}:${column} ${functionName} ${file}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = this.#sites.push({ file, line, column, functionName }) - 1;
      this.#rows.set(key, row);
    }
    return row;
  }
}

function countOf({ op }: Instruction): Exclude<keyof TimelineLine, 'file' | 'line'> {
  switch (op) {
    case 'load':
      return 'loads';
    case 'store':
      return 'stores';
    case 'atomic':
      return 'atomics';
    case 'fence':
      return 'fences';
    case 'barrier':
      return 'barriers';
    default:
      return 'warpOperations';
  }
}
