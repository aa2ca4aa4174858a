import {
  type Known,
  type StandingBarrier,
  type StandingBlock,
  type StandingLane,
  type StandingWarp,
  UNDEFINED,
  type WaitingOperation,
} from '../hang/index.js';
import {
  arrayCounts,
  bigintOf,
  bindParams,
  type Instruction,
  isWide,
  optimized,
  type Program,
  programOf,
  specialValue,
  type ValueType,
} from '../program/index.js';
import type { AddressSpace } from '../simt/address-space.js';
import { lowestLane } from '../simt/lanes.js';
import { scalarBytes } from '../simt/scalar.js';
import { locate, sharedAddress } from './addresses.js';
import { analyse } from './analysis.js';
import { Emission } from './emission.js';
import { LANES, registerShape } from './layout.js';
import { type FastBlock, type FastWarp, type LaneGroup, WAITS, type WaitingLanes } from './warp.js';

/** A place of a program where a warp may go on. */
interface EntryPlace {
  readonly block: number;
  readonly at: number;
  /** The node of the flow that begins here. */
  readonly node: number;
  /** What it has left off at just before; null: it has come here otherwise. */
  readonly suspended: Instruction | null;
}

/** Where compiled code keeps what of a program. */
interface CodeMap {
  readonly program: Program;
  readonly emission: Emission;
  /** By region. */
  readonly entries: readonly EntryPlace[];
}

const codeMaps = new WeakMap<Program, Map<boolean, CodeMap>>();

/** The layout of a program's code: what {@link emitFast} has found, found once more. */
function codeMapOf(given: Program, hasWholeRows: boolean): CodeMap {
  let ofProgram = codeMaps.get(given);
  if (ofProgram === undefined) {
    ofProgram = new Map();
    codeMaps.set(given, ofProgram);
  }
  let map = ofProgram.get(hasWholeRows);
  if (map === undefined) {
    const program = optimized(given);
    const options = { hasWholeRows, trace: false };
    const emission = new Emission(program, options, analyse(program, options));
    map = { program, emission, entries: entriesOf(emission) };
    ofProgram.set(hasWholeRows, map);
  }
  return map;
}

function entriesOf({ program, analysis: { nodes }, regions }: Emission): EntryPlace[] {
  const placeOf = new Map<Instruction, { readonly block: number; readonly at: number }>();
  program.blocks.forEach(({ instructions }, block) => {
    instructions.forEach((instruction, at) => {
      placeOf.set(instruction, { block, at });
    });
  });
  const behind = new Map<number, Instruction>();
  for (const { end } of nodes) if (end.op === 'suspend') behind.set(end.target, end.instruction);
  return regions.map(({ head }): EntryPlace => {
    const suspended = behind.get(head) ?? null;
    if (suspended !== null) {
      const { block, at } = placeOf.get(suspended)!;
      return { block, at: at + 1, node: head, suspended };
    }
    const { end } = nodes[head]!;
    // The node of an edge goes on at its target.
    return { block: end.op === 'poll' ? end.target : head, at: 0, node: head, suspended: null };
  });
}

/** A block between two steps. */
export function standingBlockOf(block: FastBlock, global: AddressSpace): StandingBlock {
  const { launch, blockIdx } = block;
  const map = codeMapOf(programOf(launch.kernel)!, launch.blockDim.x % LANES === 0);
  const params = bindParams(map.program, launch.args);
  const counts = arrayCounts(map.program, params);
  const places = block.warps.flatMap(({ groups }) => groups.flatMap(({ state, pc }) => (state === WAITS ? [] : [pc])));
  return {
    launch,
    blockIdx,
    program: map.program,
    counts,
    params,
    liveWarps: block.liveWarps,
    liveThreads: block.liveThreads,
    standsAt: [...new Set(places)].sort((a, b) => a - b).join(),
    get warps() {
      return block.warps.filter(({ live }) => live !== 0).map((warp) => standingWarpOf(map, counts, warp));
    },
    locate: (address, bytes, access) => {
      const { allocation, base } = locate(global, block, address, bytes, access);
      return { allocation, offset: address - base };
    },
    sharedVariable: (name) => {
      const known = block.sharedVariables.get(name);
      if (known === undefined) return null;
      const { pointer, count } = known;
      return { address: sharedAddress(block, pointer.address), type: pointer.type, count };
    },
    barriers: block.barriers.flatMap((barrier, id): StandingBarrier[] => {
      if (barrier === null || !barrier.inUse) return [];
      const lanes = block.warps.map((warp) => [warp.index, barrier.lanesOf(warp)] as const);
      return [{ id, expected: barrier.expected, lanes: new Map(lanes.filter(([, here]) => here !== 0)) }];
    }),
  };
}

function standingWarpOf(map: CodeMap, counts: readonly number[], warp: FastWarp): StandingWarp {
  const lanes: StandingLane[] = [];
  for (const group of warp.groups) {
    for (let rest = group.lanes & warp.live; rest !== 0; rest &= rest - 1) {
      lanes.push(standingLaneOf(map, counts, warp, group, lowestLane(rest)));
    }
  }
  return { index: warp.index, lanes: lanes.sort((a, b) => a.lane - b.lane) };
}

function standingLaneOf(
  { emission, entries }: CodeMap,
  counts: readonly number[],
  warp: FastWarp,
  group: LaneGroup,
  lane: number,
): StandingLane {
  const { block, at, node, suspended } = entries[group.pc]!;
  const waits = group.state === WAITS;
  return {
    lane,
    block,
    at: waits ? at - 1 : at,
    waitsIn: waits ? waitingOperation(suspended!, group, warp.waiting!, lane, emission) : null,
    fill(known) {
      if (warp.frame === null) return;
      for (const variable of emission.live[node]!) known[variable] = readVariable(emission, warp, variable, lane);
      fillRegisters(emission, counts, warp, lane, known);
      if (suspended?.op === 'collective' && suspended.to >= 0 && group.hasResults) {
        known[suspended.to] = readResult(emission.program.variables[suspended.to]!.type, warp.waiting!, lane);
      }
    },
    special: (name) => specialValue(name, warp.block, warp.firstThread + lane),
  };
}

function readVariable(
  { program, layout, uniformity }: Emission,
  { F, V, D }: FastWarp,
  variable: number,
  lane: number,
): Known | undefined {
  const place = layout.place[variable]!;
  if (place === -1) return undefined;
  const { type } = program.variables[variable]!;
  if (uniformity.isUniform({ kind: 'variable', index: variable })) {
    return type === 'f64' || type === 'ptr' ? D[place]! : knownOf(type, F[place]!, F[place + 1]!);
  }
  if (type === 'pred') return (F[place]! & (1 << lane)) !== 0;
  if (type === 'f64' || type === 'ptr') return D[place + lane]!;
  return knownOf(type, V[place + lane]!, V[place + LANES + lane]!);
}

function knownOf(type: ValueType, low: number, high: number): Known {
  if (isWide(type)) return bigintOf(low, high, type === 'i64');
  return type === 'pred' ? low !== 0 : type === 'u32' ? low >>> 0 : low;
}

function readResult(type: ValueType, { resultLow, resultHigh, resultDouble }: WaitingLanes, lane: number): Known {
  return type === 'f64' || type === 'ptr' ? resultDouble[lane]! : knownOf(type, resultLow[lane]!, resultHigh[lane]!);
}

/** Registers lie behind each other: arrays of constant size first, then those whose size a parameter gives. */
function fillRegisters(
  { program, layout, localArrays }: Emission,
  counts: readonly number[],
  { V }: FastWarp,
  lane: number,
  known: (Known | undefined)[],
): void {
  let next = program.variables.length;
  const places = program.arrays.map(({ count }, array) =>
    count.kind === 'constant' ? Number(layout.arrayPlace[array]) : -1,
  );
  let end = layout.size.vWords;
  for (const { array, words } of layout.size.paramArrays) {
    places[array] = end;
    end += words * counts[array]!;
  }
  program.arrays.forEach(({ elementType }, array) => {
    const { masks, words } = registerShape(program, array);
    for (let at = 0; at < counts[array]!; at++) {
      const place = places[array]! + at * words;
      const isKnown = !localArrays.has(array) && (V[place + masks]! & (1 << lane)) !== 0;
      known[next + at] = isKnown ? registerValue(elementType, V[place + lane]!, V[place + LANES + lane]!) : UNDEFINED;
    }
    next += counts[array]!;
  });
}

function registerValue(type: Parameters<typeof scalarBytes>[0], low: number, high: number): Known {
  if (scalarBytes(type) === 8) return bigintOf(low, high, type === 'i64');
  return type === 'i32' ? low : low >>> 0;
}

function waitingOperation(
  instruction: Instruction,
  group: LaneGroup,
  waiting: WaitingLanes,
  lane: number,
  emission: Emission,
): WaitingOperation {
  if (instruction.op === 'barrier') return { kind: 'barrier', id: group.barrierId };
  if (instruction.op !== 'collective') throw new Error(`[simtwin bug] lanes wait in ${instruction.op}`);
  const { operation, value } = instruction;
  const type = value === null ? 'i32' : emission.typeOf(value);
  const read = () => (type === 'f64' ? waiting.double[lane]! : knownOf(type, waiting.low[lane]!, waiting.high[lane]!));
  return {
    kind: 'collective',
    operation,
    mask: waiting.mask[lane]!,
    value: value === null ? null : (read() as number | bigint | boolean),
    a: waiting.a[lane]!,
    b: waiting.b[lane]!,
  };
}
