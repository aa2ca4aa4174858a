import { framesOf } from '../program/index.js';
import { OPERATION_NAMES } from '../simt/for-engines.js';
import type { Machine, SourceFrame } from '../simt/index.js';
import type { ProgramCode } from '../step/code.js';
import type { StepEngine } from '../step/index.js';
import { PC } from '../step/layout.js';
import type { StepBlock } from '../step/step-block.js';

/** Where threads of a program can be seen: at its visible instructions, by number; 0 is the start. */
export interface Places {
  readonly frames: readonly (readonly SourceFrame[])[];
  /** PTX names: `ld.v2`, `barrier.sync`. `none` for 0. */
  readonly operations: readonly string[];
}

const known = new WeakMap<ProgramCode, Places>();

export function placesOf(code: ProgramCode): Places {
  const before = known.get(code);
  if (before !== undefined) return before;
  const { program } = code.emitted;
  const places: Places = {
    frames: code.layout.visible.map((place) =>
      place === null ? startOf(code) : framesOf(program, place.instruction.site),
    ),
    operations: Array.from(code.visible.opcode, (opcode) => OPERATION_NAMES[opcode]!),
  };
  known.set(code, places);
  return places;
}

/** Number of the visible instruction where a thread is. While it runs, it may be where none is: at the start then. */
export function placeOf({ arena, rows }: StepBlock, threadRank: number): number {
  const number = arena.L[rows + threadRank * arena.rowWords + PC]!;
  return number < arena.code.layout.visible.length ? number : 0;
}

function startOf({ emitted: { program } }: ProgramCode): readonly SourceFrame[] {
  const { instructions, terminator } = program.blocks[0]!;
  return framesOf(program, (instructions[0] ?? terminator).site);
}

/** A position in a source file. Lines count from 1. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
}

/** Everything that breakpoints can name in the programs of a machine. */
export interface SourceMap {
  /** Source files, sorted. */
  readonly files: readonly string[];
  /** Lines of a file where threads can be seen, ascending: those of operations and those of calls with operations. */
  lines(file: string): readonly number[];
  /** Functions with operations, sorted, and the lines of each where a thread can be seen. */
  readonly functions: ReadonlyMap<string, readonly SourcePlace[]>;
  /** Names of operations that occur. */
  readonly operations: readonly string[];
  /**
   * Where a breakpoint on a line is: the line itself, else the next one of the same function where a thread can be seen.
   * Null: there is none.
   */
  bind(place: SourcePlace): SourcePlace | null;
}

/** The sources of all kernels that have been launched or queued. */
export function sourceMapOf(machine: Machine): SourceMap {
  const engine = machine.engine as StepEngine;
  const codes = new Set<ProgramCode>(engine.arenas.keys());
  const lines = new Map<string, Set<number>>();
  const functions = new Map<string, Map<string, SourcePlace>>();
  /** By file and function: first and last line of anything in it. */
  const spans = new Map<string, { file: string; first: number; last: number }>();
  const operations = new Set<string>();
  for (const code of codes) {
    const places = placesOf(code);
    places.operations.forEach((name, number) => {
      if (number === 0) return;
      operations.add(name);
      for (const { file, line, functionName } of places.frames[number]!) {
        let ofFile = lines.get(file);
        if (ofFile === undefined) {
          ofFile = new Set();
          lines.set(file, ofFile);
        }
        ofFile.add(line);
        let ofFunction = functions.get(functionName);
        if (ofFunction === undefined) {
          ofFunction = new Map();
          functions.set(functionName, ofFunction);
        }
        ofFunction.set(`${file}:${line}`, { file, line });
      }
    });
    const { program } = code.emitted;
    program.sites.forEach((_, site) => {
      for (const { file, line, functionName } of framesOf(program, site)) {
        const key = `${file} ${functionName}`;
        const span = spans.get(key);
        if (span === undefined) spans.set(key, { file, first: line, last: line });
        else {
          span.first = Math.min(span.first, line);
          span.last = Math.max(span.last, line);
        }
      }
    });
  }
  const sorted = new Map(Array.from(lines, ([file, set]) => [file, [...set].sort((a, b) => a - b)]));
  return {
    files: [...sorted.keys()].sort(),
    lines: (file) => sorted.get(file) ?? [],
    functions: new Map(
      [...functions].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, places]) => [name, [...places.values()]]),
    ),
    operations: [...operations].sort(),
    bind({ file, line }) {
      const all = sorted.get(file) ?? [];
      if (all.includes(line)) return { file, line };
      // The innermost function around the line.
      let around: { first: number; last: number } | null = null;
      for (const span of spans.values()) {
        if (span.file !== file || line < span.first || line > span.last) continue;
        if (around === null || span.last - span.first < around.last - around.first) around = span;
      }
      if (around === null) return null;
      const next = all.find((candidate) => candidate > line && candidate <= around.last);
      return next === undefined ? null : { file, line: next };
    },
  };
}

/** Frames as a key: two places with the same one are the same line of the same calls. */
export const keyOf = (frames: readonly SourceFrame[]): string =>
  frames.map(({ file, line }) => `${file}:${line}`).join(' ');
