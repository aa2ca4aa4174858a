import {
  type Known,
  type StandingBarrier,
  type StandingBlock,
  type StandingLane,
  type StandingWarp,
  UNDEFINED,
  type WaitingOperation,
} from '../hang/index.js';
import { type Instruction, specialValue } from '../program/index.js';
import { lowestLane, PHASE_IDLE, PHASE_PENDING } from '../simt/for-engines.js';
import { SHARED_END, scalarBytes } from '../simt/index.js';
import type { StepEngine } from './engine.js';
import { MASK, OPERAND_A, OPERAND_B, PC, RESULT, VALUES } from './layout.js';
import { readArray, readSlot, readVariable } from './row-values.js';
import type { StepBlock } from './step-block.js';

/** Blocks of an engine between two steps. */
export function standingBlocks(engine: StepEngine): StandingBlock[] {
  const places = new Map<StepBlock, Set<number>>();
  for (const granule of engine.ready.toArray()) {
    const block = engine.blockOfWarp[granule >> engine.warpShift]!;
    const { L, rowWords } = block.arena;
    const row = engine.rowOfWarp[granule >> engine.warpShift]!;
    let ofBlock = places.get(block);
    if (ofBlock === undefined) {
      ofBlock = new Set();
      places.set(block, ofBlock);
    }
    ofBlock.add(L[row + lowestLane(engine.readyLanes[granule]!) * rowWords + PC]!);
  }
  return Array.from(engine.residentBlocks, (block) => standingBlockOf(engine, block, places.get(block) ?? new Set()));
}

function standingBlockOf(engine: StepEngine, block: StepBlock, places: ReadonlySet<number>): StandingBlock {
  const { arena, launch } = block;
  const { emitted, layout } = arena.code;
  return {
    launch,
    blockIdx: block.blockIdx,
    program: emitted.program,
    counts: layout.arrays.map(({ count }) => count),
    params: engine.valuesOf(launch),
    liveWarps: block.liveWarps,
    liveThreads: block.liveThreads,
    standsAt: [...places].sort((a, b) => a - b).join(),
    get warps() {
      return warpsOf(engine, block);
    },
    locate: (address, bytes, access) => {
      const space = address < SHARED_END ? block.sharedMemory.space : engine.host.memory.space;
      const allocation = space.locateAddress(address, bytes, access);
      return { allocation, offset: address - allocation.base };
    },
    sharedVariable: (name) => {
      const known = block.sharedVariables.get(name);
      return known === undefined
        ? null
        : { address: known.pointer.address, type: known.pointer.type, count: known.count };
    },
    barriers: block.barriers.flatMap((barrier, id): StandingBarrier[] => {
      if (barrier === null || !barrier.inUse) return [];
      const lanes = new Map<number, number>();
      barrier.lanes.forEach((here, warp) => {
        if (here !== 0 || barrier.hasArrived[warp] === 1) lanes.set(warp, barrier.hasArrived[warp] === 1 ? -1 : here);
      });
      return [{ id, expected: barrier.expected, lanes }];
    }),
  };
}

function* warpsOf(engine: StepEngine, block: StepBlock): Generator<StandingWarp> {
  for (let index = 0; index < block.warpCount; index++) {
    const live = engine.live[block.firstWarp + index]!;
    if (live === 0) continue;
    const lanes: StandingLane[] = [];
    for (let rest = live; rest !== 0; rest &= rest - 1)
      lanes.push(laneOf(engine, block, index * 32 + lowestLane(rest)));
    yield { index, lanes };
  }
}

function laneOf(engine: StepEngine, block: StepBlock, rank: number): StandingLane {
  const { arena } = block;
  const { layout, emitted } = arena.code;
  const { program } = emitted;
  const b = block.rows + rank * arena.rowWords;
  const pc = arena.L[b + PC]!;
  const phase = engine.phaseOf(block, rank);
  const place = phase === PHASE_IDLE ? null : layout.visible[pc]!;
  const waits = phase === PHASE_PENDING;
  return {
    lane: rank & 31,
    block: place?.block ?? 0,
    at: place === null ? 0 : place.at + (waits ? 0 : 1),
    waitsIn: waits ? waitingOperation(block, b, place!.instruction) : null,
    fill(known) {
      const live = layout.liveAt[pc]!;
      for (const index of live.variables) known[index] = readVariable(block, b, index);
      let next = program.variables.length;
      program.arrays.forEach(({ elementType }, index) => {
        if (live.arrays.includes(index)) {
          const full = (1 << scalarBytes(elementType)) - 1;
          readArray(block, b, index).forEach(({ value, defined }, at) => {
            known[next + at] = defined === full ? value : UNDEFINED;
          });
        }
        next += layout.arrays[index]!.count;
      });
      if (place !== null && !waits) takeResult(block, b, place.instruction, known);
    },
    special: (name) => specialValue(name, block, rank),
  };
}

/** The result of an operation that is performed, which the thread has not taken yet. */
function takeResult(block: StepBlock, b: number, instruction: Instruction, known: (Known | undefined)[]): void {
  const { variables } = block.arena.code.emitted.program;
  const take = (variable: number, word: number) => {
    known[variable] = readSlot(block, variables[variable]!.type, b + word);
  };
  if (instruction.op === 'load') {
    const words = scalarBytes(instruction.elementType) === 8 ? 2 : 1;
    const first = instruction.to.length === 1 ? RESULT : VALUES;
    instruction.to.forEach((target, index) => {
      if (target.kind === 'variable') take(target.index, first + index * words);
    });
  } else if ('to' in instruction && typeof instruction.to === 'number' && instruction.to >= 0) {
    take(instruction.to, RESULT);
  }
}

function waitingOperation(block: StepBlock, b: number, instruction: Instruction): WaitingOperation {
  const { L, D, code } = block.arena;
  const a = D[(b + OPERAND_A) >> 1]!;
  if (instruction.op === 'barrier') return { kind: 'barrier', id: a };
  if (instruction.op !== 'collective') return { kind: 'access' };
  const { operation, value } = instruction;
  const type = code.visible.valueType[L[b + PC]!]!;
  return {
    kind: 'collective',
    operation,
    mask: L[b + MASK]!,
    value: value === null ? null : readSlot(block, type, b + VALUES),
    a,
    b: D[(b + OPERAND_B) >> 1]!,
  };
}
