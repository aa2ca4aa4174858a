import {
  type BasicBlock,
  framesOf,
  type Instruction,
  isVisible,
  type Program,
  type ValueType,
  type Variable,
} from '../program/index.js';
import type { SourceFrame } from '../simt/index.js';
import type { InstructionPlace, Mutant, MutationKind } from './mutant.js';
import { polledCompares, successorsOf } from './polled.js';
import {
  constant,
  pause,
  type Rewrite,
  type RewriteContext,
  rewritesOf,
  type Temporaries,
  variable,
} from './rewrites.js';

export interface MutantOptions {
  /** Only these kinds. */
  readonly kinds?: ReadonlySet<MutationKind>;
  /** Plants a bug: what is written instead of an instruction. For tests of what has to find it. */
  readonly plant?: (before: Instruction, after: readonly Instruction[]) => readonly Instruction[];
}

/** A mutant to be: the same rewrite at each place where a position of the source was inlined. */
interface Plan {
  readonly rewrite: Rewrite;
  readonly site: number;
  readonly places: (InstructionPlace & { readonly rewrite: Rewrite })[];
}

/**
 * Every mutant of a program, in the order of its instructions: each is one change at one position of the source, wherever
 * that was inlined. In the machine's library only barriers and `bar.warp.sync` are changed: those of `cub::BlockScan`.
 */
export function mutantsOf(program: Program, { kinds, plant }: MutantOptions = {}): Mutant[] {
  const context: RewriteContext = {
    program,
    barrierIds: barrierIdsOf(program),
    polled: polledCompares(program),
  };
  const plans = new Map<string, Plan>();
  program.blocks.forEach(({ instructions }, block) => {
    instructions.forEach((instruction, index) => {
      const { frame, isLibrary } = innermost(program, instruction.site);
      if (isLibrary && !synchronises(instruction)) return;
      for (const rewrite of rewritesOf(instruction, context)) {
        if (kinds !== undefined && !kinds.has(rewrite.kind)) continue;
        const { kind, variant } = rewrite;
        const what = variant === '' ? kind : `${kind}.${variant}`;
        const name = `${program.name}:${what}@${frame.file}:${frame.line}:${frame.column}`;
        const known = plans.get(name);
        if (known === undefined) {
          plans.set(name, { rewrite, site: instruction.site, places: [{ block, index, rewrite }] });
        } else known.places.push({ block, index, rewrite });
      }
    });
  });
  return Array.from(plans, ([name, { rewrite, site, places }]): Mutant => {
    const { frame, isLibrary } = innermost(program, site);
    const byPlace = new Map(places.map((place) => [keyOf(place), place.rewrite]));
    return {
      name,
      kernel: program.name,
      kind: rewrite.kind,
      variant: rewrite.variant,
      change: rewrite.change,
      frames: framesOf(program, site),
      inLibrary: isLibrary ? frame : null,
      places: places.map(({ block, index }) => ({ block, index })),
      original: program,
      program: rewritten(program, places, (instruction, place, temporaries) => {
        const written = byPlace.get(keyOf(place))!.write(temporaries);
        const after = plant === undefined ? written : plant(instruction, written);
        if (isSame([instruction], after)) throw new Error(`[simtwin bug] mutant ${name} changes nothing`);
        return after;
      }),
    };
  });
}

const keyOf = ({ block, index }: InstructionPlace): string => `${block} ${index}`;

const synchronises = (instruction: Instruction): boolean =>
  instruction.op === 'barrier' || (instruction.op === 'collective' && instruction.operation === 'sync');

function innermost(program: Program, site: number): { readonly frame: SourceFrame; readonly isLibrary: boolean } {
  const { scope, line, column } = program.sites[site]!;
  const { functionName, file, isLibrary } = program.frames[program.scopes[scope]!.frame]!;
  return { frame: { functionName, file: program.files[file]!.path, line, column }, isLibrary };
}

function barrierIdsOf({ blocks }: Program): readonly number[] {
  const ids = blocks.flatMap(({ instructions }) =>
    instructions.flatMap((instruction) =>
      instruction.op === 'barrier' && instruction.id.kind === 'constant' ? [Number(instruction.id.value)] : [],
    ),
  );
  return [...new Set(ids)];
}

const textOf = (instructions: readonly Instruction[]): string =>
  JSON.stringify(instructions, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));

const isSame = (before: readonly Instruction[], after: readonly Instruction[]): boolean =>
  textOf(before) === textOf(after);

/**
 * The program with something else in place of some instructions. Whatever a back end has made of the original is left
 * out. Where a loop would no longer have anything that the scheduler sees, its threads pause at the place: else a step
 * of one of them could last for ever.
 */
function rewritten(
  program: Program,
  places: readonly InstructionPlace[],
  write: (instruction: Instruction, place: InstructionPlace, temporaries: Temporaries) => readonly Instruction[],
): Program {
  const { emitted: _, ...rest } = program;
  const variables: Variable[] = [...program.variables];
  const blocks: BasicBlock[] = [...program.blocks];
  const instead = new Map<string, readonly Instruction[]>();
  const pauses = new Map<string, readonly Instruction[]>();
  for (const place of places) {
    const instruction = program.blocks[place.block]!.instructions[place.index]!;
    const temporaries = temporariesIn(variables, program.sites[instruction.site]!.scope);
    instead.set(keyOf(place), write(instruction, place, temporaries));
  }
  const rebuild = () => {
    for (const { block } of places) {
      const { instructions, terminator } = program.blocks[block]!;
      blocks[block] = {
        instructions: instructions.flatMap((instruction, index) => {
          const key = keyOf({ block, index });
          return [...(pauses.get(key) ?? []), ...(instead.get(key) ?? [instruction])];
        }),
        terminator,
      };
    }
  };
  rebuild();
  for (const place of places) {
    const { site } = program.blocks[place.block]!.instructions[place.index]!;
    if (!isOnQuietCycle(blocks, place.block)) continue;
    pauses.set(keyOf(place), pause(site, temporariesIn(variables, program.sites[site]!.scope)));
    rebuild();
  }
  return { ...rest, variables, blocks };
}

const temporariesIn = (variables: Variable[], scope: number): Temporaries => ({
  add: (type: ValueType) => variables.push({ name: null, type, scope }) - 1,
});

/** Whether a block can be come back to from itself with nothing visible on the way. */
function isOnQuietCycle(blocks: readonly BasicBlock[], start: number): boolean {
  const isQuiet = (block: number) => !blocks[block]!.instructions.some(isVisible);
  if (!isQuiet(start)) return false;
  const seen = new Set<number>();
  const pending = [...successorsOf(blocks[start]!.terminator)];
  for (let block = pending.pop(); block !== undefined; block = pending.pop()) {
    if (block === start) return true;
    if (seen.has(block) || !isQuiet(block)) continue;
    seen.add(block);
    pending.push(...successorsOf(blocks[block]!.terminator));
  }
  return false;
}

/** The original with an error wherever the mutant is changed: it shows whether a run comes there. */
export function probeOf({ original, places }: Mutant): Program {
  return rewritten(original, places, (instruction, _, temporaries) => {
    const { site } = instruction;
    const [zero, quotient] = [temporaries.add('i32'), temporaries.add('i32')];
    return [
      { site, op: 'move', type: 'i32', to: zero, a: constant('i32', 0) },
      { site, op: 'binary', operator: 'div', type: 'i32', to: quotient, a: constant('i32', 1), b: variable(zero) },
      instruction,
    ];
  });
}
