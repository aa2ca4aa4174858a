import { framesOf, type Program } from '../program/index.js';
import { describeOperation, isBarrier, PHASE_EXITED, PHASE_IDLE, PHASE_PENDING } from '../simt/for-engines.js';
import { type Dim3, type Machine, type Outcome, Pointer, type SourceFrame } from '../simt/index.js';
import type { ProgramCode } from './code.js';
import { StepEngine } from './engine.js';
import { type HashOptions, hashOf } from './hash.js';
import { type Layout, PC } from './layout.js';
import { type ElementValue, readArray, readVariable } from './row-values.js';
import { scopesAround } from './scopes.js';
import type { StepBlock } from './step-block.js';

/** What a thread does between two steps: it may go on, or waits for its warp or at a barrier, or has ended. */
export type ThreadState = 'ready' | 'waits for its warp' | 'waits at a barrier' | 'exited';

/** A granule: what one step runs. */
export interface GranuleInfo {
  /** Number in the engine, for {@link Inspector.step}. Numbers are used again when a block has ended. */
  readonly id: number;
  readonly rank: number;
  readonly kernel: string;
  readonly blockIdx: Dim3;
  readonly warp: number;
  /** Lanes that exist and have not exited, and those of them that may go on. */
  readonly liveLanes: number;
  readonly readyLanes: number;
  /** Place in the ready set, 0: has been ready for longest; -1: it is not ready. */
  readonly readyIndex: number;
}

/** A thread of a resident block. It is read when it is looked at: what it says is true now. */
export interface ThreadInfo {
  readonly rank: number;
  readonly kernel: string;
  readonly blockIdx: Dim3;
  readonly threadIdx: Dim3;
  readonly threadRank: number;
  readonly warp: number;
  readonly lane: number;
  readonly granule: number;
  readonly state: ThreadState;
  /** The visible operation that it has come to last, in PTX's words; '' before the first. */
  readonly operation: string;
  /** Where it is: at that operation, or at the kernel's first statement. Innermost first. */
  readonly frames: readonly SourceFrame[];
}

/** A variable's value: `pred` boolean, 64 bits bigint, an array its elements, else a number; an f32 is its bits. */
export type InspectedValue = boolean | number | bigint | readonly ElementValue[];

export interface VariableInfo {
  readonly name: string;
  /** `i32`, `ptr`, … or `u64[8]` for a register array. */
  readonly type: string;
  readonly value: InspectedValue;
  /** Whether the value may still be used. One that is not may be of an earlier round of a loop, or 0 if nobody has set it. */
  readonly isLive: boolean;
  /** Calls between its function and the innermost: 0 is where the thread is. */
  readonly frame: number;
}

/** The inspector of a machine in mode `step`. @throws RangeError if it is in another, or has not begun. */
export function inspectorOf(machine: Machine): Inspector {
  if (machine.engine instanceof StepEngine) return new Inspector(machine, machine.engine);
  throw new RangeError(
    machine.mode === null
      ? 'nothing runs yet: call advance(0) after the first launch'
      : `a machine in mode '${machine.mode}' cannot be inspected: make it with { engine: stepEngine() }`,
  );
}

/** Looks at the state of a machine in mode `step` between two steps, and steps granules of one's choice. */
export class Inspector {
  readonly #machine: Machine;
  readonly #engine: StepEngine;

  constructor(machine: Machine, engine: StepEngine) {
    this.#machine = machine;
    this.#engine = engine;
  }

  /** All granules of resident blocks with a thread that has not exited. */
  granules(): GranuleInfo[] {
    const engine = this.#engine;
    const places = new Map(Array.from(engine.ready.toArray(), (granule, index) => [granule, index]));
    const found: GranuleInfo[] = [];
    for (const block of engine.residentBlocks) {
      for (let warp = block.firstWarp; warp < block.firstWarp + block.warpCount; warp++) {
        for (let part = 0; part < 1 << engine.warpShift; part++) {
          const liveLanes = engine.live[warp]! & engine.lanesOfPart(part);
          if (liveLanes === 0) continue;
          const id = (warp << engine.warpShift) + part;
          found.push({
            id,
            rank: block.launch.device,
            kernel: block.launch.name,
            blockIdx: block.blockIdx,
            warp: warp - block.firstWarp,
            liveLanes: liveLanes >>> 0,
            readyLanes: engine.readyLanes[id]! >>> 0,
            readyIndex: places.get(id) ?? -1,
          });
        }
      }
    }
    return found;
  }

  /**
   * Makes a step of a granule.
   * @throws RangeError if it is not ready
   */
  step(granule: number): Outcome | null {
    const index = this.#engine.ready.toArray().indexOf(granule);
    if (index === -1) throw new RangeError(`granule ${granule} is not ready`);
    return this.#machine.stepAt(index);
  }

  /** Threads of resident blocks, by block and rank; exited ones too. */
  *threads(): Generator<ThreadInfo> {
    for (const block of this.#engine.residentBlocks) {
      for (let rank = 0; rank < block.launch.threadIdxs.length; rank++)
        yield new InspectedThread(this.#engine, block, rank);
    }
  }

  /** Threads of a granule, by lane. */
  threadsOf(granule: number): ThreadInfo[] {
    const engine = this.#engine;
    const warp = granule >> engine.warpShift;
    const block = engine.blockOfWarp[warp] ?? null;
    if (block === null) throw new RangeError(`no resident block has a granule ${granule}`);
    const lanes = engine.lanesOfPart(granule & ((1 << engine.warpShift) - 1));
    const first = (warp - block.firstWarp) * 32;
    const count = Math.min(32, block.launch.threadIdxs.length - first);
    return Array.from({ length: count }, (_, lane) => lane)
      .filter((lane) => (lanes & (1 << lane)) !== 0)
      .map((lane) => new InspectedThread(engine, block, first + lane));
  }

  /** The thread of a block. @throws RangeError if the block is not resident or has no such thread */
  thread(kernel: string, device: number, blockIdx: Dim3, threadRank: number): ThreadInfo {
    for (const block of this.#engine.residentBlocks) {
      const { x, y, z } = block.blockIdx;
      const isIt =
        block.launch.name === kernel &&
        block.launch.device === device &&
        x === blockIdx.x &&
        y === blockIdx.y &&
        z === blockIdx.z;
      if (isIt && threadRank < block.launch.threadIdxs.length)
        return new InspectedThread(this.#engine, block, threadRank);
    }
    throw new RangeError(
      `no resident block (${blockIdx.x},${blockIdx.y},${blockIdx.z}) of ${kernel} on device ${device} has a thread ${threadRank}`,
    );
  }

  /** Variables that a thread sees where it is: innermost scope first, then those of its callers. A name that is hidden by another is left out. */
  variables(thread: ThreadInfo): VariableInfo[] {
    const { block, b } = own(thread);
    return sightsAt(block.arena.code, placeAt(block, b)).map((sight) => look(block, b, sight));
  }

  /** The variable of a name that the thread sees, innermost first; undefined if it sees none. */
  variable(thread: ThreadInfo, name: string): VariableInfo | undefined {
    const { block, b } = own(thread);
    const sight = sightsAt(block.arena.code, placeAt(block, b)).find((seen) => seen.name === name);
    return sight === undefined ? undefined : look(block, b, sight);
  }

  /** All register arrays of a thread that have a name, also those of functions that it has returned from. */
  registers(thread: ThreadInfo): VariableInfo[] {
    const { block, b } = own(thread);
    const { code } = block.arena;
    const live = code.layout.liveAt[placeAt(block, b)]!;
    return code.emitted.program.arrays.flatMap(({ name, elementType }, index) => {
      if (name === null) return [];
      const value = readArray(block, b, index);
      const isLive = live.arrays.includes(index);
      return [{ name, type: `${elementType}[${value.length}]`, value, isLive, frame: 0 }];
    });
  }

  /** The launch's arguments that its kernel uses, by path: `worldInfo.epSize`. */
  arguments(
    thread: ThreadInfo,
  ): { readonly path: string; readonly type: string; readonly value: boolean | number | bigint | null }[] {
    const { block } = own(thread);
    const values = this.#engine.valuesOf(block.launch);
    return block.arena.code.emitted.program.params.map(({ path, type, elementType }, index) => {
      const value = values[index]!;
      return {
        path: path.join('.'),
        type: elementType === undefined ? type : `${type} ${elementType}`,
        value: value instanceof Pointer ? value.address : value,
      };
    });
  }

  /** Dimensions of a thread's launch. */
  dimsOf(thread: ThreadInfo): { readonly gridDim: Dim3; readonly blockDim: Dim3 } {
    return own(thread).block.launch;
  }

  /** Shared variables of a thread's block, by name. */
  shared(thread: ThreadInfo): ReadonlyMap<string, { readonly pointer: Pointer; readonly count: number }> {
    return own(thread).block.sharedVariables;
  }

  /**
   * 64 bits of the state that the program's future depends on, whatever came before: equal states have equal hashes.
   * Leaves out what the mask names and, unless `withSchedule`, what only decides who steps next.
   */
  hash(options: HashOptions = {}): bigint {
    return hashOf(this.#engine, options);
  }
}

/** What {@link ThreadInfo} is made of. */
class InspectedThread implements ThreadInfo {
  readonly block: StepBlock;
  readonly threadRank: number;
  readonly #engine: StepEngine;

  constructor(engine: StepEngine, block: StepBlock, threadRank: number) {
    this.#engine = engine;
    this.block = block;
    this.threadRank = threadRank;
  }

  /** Its row. */
  get b(): number {
    return this.block.rows + this.threadRank * this.block.arena.rowWords;
  }
  get rank(): number {
    return this.block.launch.device;
  }
  get kernel(): string {
    return this.block.launch.name;
  }
  get blockIdx(): Dim3 {
    return this.block.blockIdx;
  }
  get threadIdx(): Dim3 {
    return this.block.launch.threadIdxs[this.threadRank]!;
  }
  get warp(): number {
    return this.threadRank >>> 5;
  }
  get lane(): number {
    return this.threadRank & 31;
  }
  get granule(): number {
    const { warpShift, granuleShift } = this.#engine;
    return ((this.block.firstWarp + this.warp) << warpShift) + (this.lane >>> granuleShift);
  }
  get state(): ThreadState {
    const phase = this.#engine.phaseOf(this.block, this.threadRank);
    if (phase === PHASE_EXITED) return 'exited';
    if (phase !== PHASE_PENDING) return 'ready';
    const thread = this.#engine.threadOf(this.block, this.threadRank, phase);
    return isBarrier(thread.opcode) ? 'waits at a barrier' : 'waits for its warp';
  }
  get operation(): string {
    const phase = this.#engine.phaseOf(this.block, this.threadRank);
    if (phase === PHASE_IDLE) return '';
    return describeOperation(this.#engine.threadOf(this.block, this.threadRank, phase));
  }
  get frames(): readonly SourceFrame[] {
    const { layout, emitted } = this.block.arena.code;
    return framesOf(emitted.program, siteOfThread(layout, emitted.program, this.block.arena.L[this.b + PC]!));
  }
}

function own(thread: ThreadInfo): InspectedThread {
  if (thread instanceof InspectedThread) return thread;
  throw new RangeError('the thread is none of an inspector');
}

/** A variable or register array that can be seen from a place of a program. */
interface Sight extends Omit<VariableInfo, 'value'> {
  readonly index: number;
  readonly isArray: boolean;
}

/** By program and the visible instruction that a thread has come to last. */
const knownSights = new WeakMap<ProgramCode, Map<number, readonly Sight[]>>();

/** The visible instruction that a thread has come to last; the start where it has failed on its way to the next one. */
function placeAt({ arena: { L, code } }: StepBlock, b: number): number {
  const pc = L[b + PC]!;
  return pc < code.layout.visible.length ? pc : 0;
}

function sightsAt(code: ProgramCode, pc: number): readonly Sight[] {
  let ofCode = knownSights.get(code);
  if (ofCode === undefined) {
    ofCode = new Map();
    knownSights.set(code, ofCode);
  }
  let sights = ofCode.get(pc);
  if (sights === undefined) {
    sights = findSights(code, pc);
    ofCode.set(pc, sights);
  }
  return sights;
}

function findSights({ layout, emitted: { program } }: ProgramCode, pc: number): Sight[] {
  const live = layout.liveAt[pc]!;
  const found: Sight[] = [];
  const around = scopesAround(program);
  /** Names of the function that the scope is in. */
  let names = new Set<string>();
  let frame = 0;
  let scope = program.sites[siteOfThread(layout, program, pc)]!.scope;
  while (scope !== -1) {
    const here = new Set<string>();
    program.variables.forEach(({ name, type, scope: ofVariable }, index) => {
      if (name === null || ofVariable !== scope || names.has(name) || layout.slots[index] === -1) return;
      here.add(name);
      found.push({ name, type, isLive: live.variables.includes(index), frame, index, isArray: false });
    });
    program.arrays.forEach(({ name, elementType, scope: ofArray }, index) => {
      if (name === null || ofArray !== scope || names.has(name)) return;
      here.add(name);
      const type = `${elementType}[${layout.arrays[index]!.count}]`;
      found.push({ name, type, isLive: live.arrays.includes(index), frame, index, isArray: true });
    });
    for (const name of here) names.add(name);
    const next = around[scope]!;
    if (next !== -1 && program.scopes[next]!.frame !== program.scopes[scope]!.frame) {
      frame++;
      names = new Set();
    }
    scope = next;
  }
  return found;
}

function look(block: StepBlock, b: number, { name, type, isLive, frame, index, isArray }: Sight): VariableInfo {
  const value = isArray ? readArray(block, b, index) : readVariable(block, b, index);
  return { name, type, value, isLive, frame };
}

function siteOfThread({ visible }: Layout, program: Program, pc: number): number {
  const place = visible[pc] ?? null;
  if (place !== null) return place.instruction.site;
  const { instructions, terminator } = program.blocks[0]!;
  return (instructions[0] ?? terminator).site;
}
