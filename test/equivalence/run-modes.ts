import { compileFunction } from 'node:vm';
import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { FastEngine } from '../../src/fast/index.js';
import { type Program, registerProgram } from '../../src/program/index.js';
import * as simtwin from '../../src/simt/index.js';
import {
  type Allocation,
  DEFAULT_LIMITS,
  type EngineChooser,
  formatSchedule,
  type Kernel,
  type Limits,
  Machine,
  type Outcome,
  type Pointer,
} from '../../src/simt/index.js';
import { StepEngine } from '../../src/step/index.js';
import {
  ACC_CELLS,
  BLOCKS,
  CELL_WORDS,
  COUNT_ARGUMENT,
  GRIDS,
  INPUT_WORDS,
  type KernelCase,
  OWN_WORDS,
  SCRATCH_WORDS,
  threadsOf,
} from './kernel-ast.js';
import { printKernel } from './print-kernel.js';
import { RandomSource } from './random-source.js';
import { stripTypes } from './strip-types.js';

/** Arguments of a random kernel; each uses some of them. */
interface Args {
  readonly input: Pointer<'i32'>;
  readonly out: Pointer<'u32'>;
  readonly scratch: Pointer<'u32'>;
  readonly cells: Pointer<'u32'>;
  readonly acc: Pointer<'u32'>;
  readonly wideAcc: Pointer<'u64'>;
  readonly virgin: Pointer<'u32'>;
  readonly extra: Pointer<'i32'> | null;
  readonly n: number;
  readonly k: number;
  readonly nil: number;
  readonly count: number;
  readonly big: bigint;
  readonly flag: boolean;
  readonly inner: { readonly scale: number; readonly isOn: boolean; readonly deep: { readonly bias: number } };
}

/** The kernel of a module's text, as mode `ref` runs it; lines and columns are those of the text. */
export function evaluate(source: string): Kernel<Args> {
  const make = compileFunction(`${stripTypes(source)}\nreturn kernel;`, ['library'], { filename: PATH });
  return make(simtwin) as Kernel<Args>;
}

/** The name of the text's file in errors; there is no such file. */
const PATH = '/random/kernel.ts';

/** The text that is being compiled. Each gets a path of its own, so that the library's sources are parsed once. */
let current = { path: '', source: '' };
let compiled = 0;
const disk = nodeSources();
const compiler = createCompiler({
  read: (path) => (path === current.path ? current.source : disk.read(path)),
  libraryFolder: disk.libraryFolder,
  display: (path) => (path === current.path ? PATH : disk.display(path)),
});

/** The compiled form of the kernel of a module's text. @throws CompileError */
function compile(source: string): Program {
  current = { path: `/random/${compiled++}/kernel.ts`, source };
  return compiler.compile(current.path, 'kernel');
}

export type Mode = 'ref' | 'step' | 'fast';

/** What came of a launch. */
export interface Run {
  readonly outcome: Outcome;
  readonly recorded: string | null;
  /** What the kernel may have written. */
  readonly memory: readonly Allocation[];
}

const ENGINES: Readonly<Record<Mode, EngineChooser | undefined>> = {
  ref: undefined,
  step: () => (host) => new StepEngine(host),
  fast: () => (host) => new FastEngine(host),
};

/** A random kernel never needs that many; one that a planted bug keeps going ends. */
export const LIMITS: Limits = { ...DEFAULT_LIMITS, maxSteps: 2e5, maxIdleSteps: 1e5, maxCounterSteps: 1e5 };

/** Runs the kernel of a case in new memory. */
export function run(
  kernel: Kernel<Args>,
  c: KernelCase,
  mode: Mode | EngineChooser,
  { schedule = c.schedule, record = false } = {},
): Run {
  const engine = typeof mode === 'string' ? ENGINES[mode] : mode;
  const machine = new Machine({ schedule, record, limits: LIMITS, ...(engine === undefined ? {} : { engine }) });
  const memory = Array.from({ length: c.devices }, (_, device) => launch(machine, kernel, c, device));
  const outcome = machine.run();
  return {
    outcome,
    recorded: record ? formatSchedule(machine.recordedSchedule) : null,
    memory: memory.flat(),
  };
}

/** Launches the kernel on a device, and gives what it may write. */
function launch(machine: Machine, kernel: Kernel<Args>, c: KernelCase, device: number): Allocation[] {
  const { memory } = machine;
  const block = BLOCKS[c.block]!;
  const grid = GRIDS[c.grid]!;
  const threads = threadsOf(block) * threadsOf(grid);
  const random = new RandomSource(c.seed + device);
  const words = Int32Array.from({ length: INPUT_WORDS }, () =>
    random.chance(0.5) ? random.below(64) - 16 : random.word() | 0,
  );
  const named = (name: string) => (device === 0 ? name : `${name} of device ${device}`);
  const zeroed = { zeroed: true };
  const input = memory.upload(named('input'), 'i32', words);
  const out = memory.allocate(named('out'), 'u32', threads * OWN_WORDS, zeroed);
  const scratch = memory.allocate(named('scratch'), 'u32', threads * SCRATCH_WORDS);
  const cells = memory.allocate(named('cells'), 'u32', threads * CELL_WORDS, zeroed);
  const acc = memory.allocate(named('acc'), 'u32', ACC_CELLS, zeroed);
  const wideAcc = memory.allocate(named('wideAcc'), 'u64', ACC_CELLS, zeroed);
  const args: Args = {
    input,
    out,
    scratch,
    cells,
    acc,
    wideAcc,
    virgin: memory.allocate(named('virgin'), 'u32', 4),
    extra: c.isExtraNull ? null : memory.upload(named('extra'), 'i32', words.slice(0, 8)),
    n: random.below(100),
    k: random.word() | 0,
    nil: 0,
    count: COUNT_ARGUMENT,
    big: (BigInt(random.word()) << 32n) | BigInt(random.word()),
    flag: random.chance(0.5),
    inner: { scale: random.below(10) - 5, isOn: random.chance(0.5), deep: { bias: random.word() | 0 } },
  };
  machine.stream(device).launch(kernel, { grid, block }, args);
  return [out, scratch, cells, acc, wideAcc].map(({ allocation }) => allocation);
}

/** The first word that differs, in words; null: none does. Bytes that are undefined in both are the same. */
export function firstDifference(expected: Run, got: Run): string | null {
  for (const [at, a] of expected.memory.entries()) {
    const b = got.memory[at]!;
    if (!a.mayHoldUndefined && !b.mayHoldUndefined) {
      if (Buffer.compare(a.u8, b.u8) === 0) continue;
    }
    for (let offset = 0; offset < a.bytes; offset += 4) {
      const [defined, other] = [a.definedBits(offset, 4), b.definedBits(offset, 4)];
      const [word, otherWord] = [a.u32[offset >>> 2]!, b.u32[offset >>> 2]!];
      if (defined !== other || maskOf(defined, word) !== maskOf(other, otherWord)) {
        const show = (bits: number, value: number) =>
          `0x${value.toString(16).padStart(8, '0')}${bits === 15 ? '' : ` (defined bytes: ${bits.toString(2).padStart(4, '0')})`}`;
        return `word ${offset / 4} of '${a.name}' (${place(a, offset)}): expected ${show(defined, word)}, got ${show(other, otherWord)}`;
      }
    }
  }
  return null;
}

/** The bytes of a word that are defined. */
function maskOf(defined: number, word: number): number {
  if (defined === 15) return word;
  let mask = 0;
  for (let byte = 0; byte < 4; byte++) if ((defined >>> byte) & 1) mask |= 0xff << (8 * byte);
  return (word & mask) >>> 0;
}

const WORDS: Readonly<Record<string, number>> = { out: OWN_WORDS, scratch: SCRATCH_WORDS, cells: CELL_WORDS };

function place({ name }: Allocation, offset: number): string {
  const words = WORDS[name.split(' ')[0]!];
  return words === undefined
    ? 'of all threads'
    : `slot ${(offset / 4) % words} of thread ${Math.floor(offset / 4 / words)}`;
}

/** A case that is ready to run in every mode. */
export interface Loaded {
  readonly source: string;
  readonly kernel: Kernel<Args>;
  readonly program: Program;
}

/** Prints, evaluates and compiles a case. `change`: of the program, to plant bugs. @throws CompileError */
export function load(c: KernelCase, change: (program: Program) => Program = (program) => program): Loaded {
  const { source } = printKernel(c);
  const kernel = evaluate(source);
  const program = change(compile(source));
  registerProgram(kernel as Kernel<never>, program);
  return { source, kernel, program };
}

/** The case in words: what a report of a failure has to say. */
export function describeCase(c: KernelCase, source = printKernel(c).source): string {
  const { x, y, z } = BLOCKS[c.block]!;
  const grid = GRIDS[c.grid]!;
  return [
    `launch: grid (${grid.x},${grid.y},${grid.z}), block (${x},${y},${z}), schedule ${c.schedule}, devices ${c.devices}, input seed ${c.seed}, extra ${c.isExtraNull ? 'null' : 'given'}`,
    source,
  ].join('\n');
}
