import type { Calls, CallsResult } from '../check/all-to-all-runs.js';
import type { Patch } from '../check/patched.js';

/** How a mutant shows. */
export type MutantDetector =
  | 'race'
  /** A barrier that is used again before its last phase is over. */
  | 'barrier reuse'
  /** A warp operation or a barrier whose use PTX does not define: the run ends with an error. */
  | 'misuse'
  | 'undefined read'
  | 'out of bounds'
  | 'deadlock'
  | 'livelock'
  | 'invariant'
  /** Outputs that are not what the call means. */
  | 'wrong bytes'
  /** Two schedules give different outputs. */
  | 'schedule-dependent';

/** A change of the ported kernels, or of how the host calls them. */
export interface Mutant {
  /** Number in the table of mutants; a letter behind it: another reading of the same line. */
  readonly id: string;
  readonly change: string;
  /** What the table says that it shows. */
  readonly verdict: string;
  /** Each of them shows under one of the schedules. Empty: it changes nothing, and nothing shows. */
  readonly shows: readonly MutantDetector[];
  /** Names of the invariants that are broken under some schedule. */
  readonly breaks?: readonly string[];
  /** Changes of the kernel; empty: the host is at fault. More than one: a statement moves. */
  readonly patches: readonly Patch[];
  readonly calls: Calls;
  /** The calls without the fault of the host; default: the same calls, by the unchanged kernel. */
  readonly twin?: Calls;
  readonly schedules?: readonly string[];
  readonly twinSchedules?: readonly string[];
}

/** A mutant that this machine cannot show. */
export interface UnshownMutant {
  readonly id: string;
  readonly change: string;
  readonly needs: 'memory mode';
  readonly why: string;
}

const COMMUNICATOR = 'all-to-all-channel-communicator.ts';

const patch = (replace: string, by: string, file = COMMUNICATOR): Patch => ({ file, replace, by });

const SEEDS = [0, 1, 2, 3, 4];
/** `pct` lets some warps fall far behind. */
export const SCHEDULES: readonly string[] = [
  'rr',
  'blocked',
  ...[2, 3, 8].map((seed) => `pct:${seed},length=150`),
  ...SEEDS.map((seed) => `random:${seed}`),
];
const BY_LINES: readonly string[] = [...SCHEDULES, ...SEEDS.slice(0, 3).map((seed) => `random:${seed},granule=8`)];

// Names of the invariants of the all-to-all.
const FREE_SLOT = 'a slot is written once it is free';
const SLOT_OF_HEAD = 'a slice goes to the slot of head';
const FLAG = 'a flag is that of the slice that is written';
const FULL = 'head is at most the FIFO depth ahead of tail';
const HEAD_COUNTS = 'head counts slices that are in the FIFO';
const TAIL_COUNTS = 'tail counts slices that were sent';

/** Several slices over a link, of one vector each. */
const SLICES: Calls = {
  epSize: 2,
  sends: [
    [0, 4],
    [2, 0],
  ],
};
/** Slices of two vectors of two packets, so that both warps of a group have something to do and no packet stands alone. */
const PAIRS: Calls = { ...SLICES, packetsPerVector: 2, packetsPerEntry: 4 };
/** Nine slices and more in a FIFO of the original's depth. */
const ROUND: Calls = {
  ...SLICES,
  depth: 8,
  sends: [
    [0, 1],
    [10, 0],
  ],
};
/** All groups of a block have something to do, some more than others. */
const UNEVEN: Calls = {
  epSize: 3,
  packetsPerVector: 1,
  packetsPerEntry: 2,
  sends: [
    [2, 4, 3],
    [1, 2, 6],
    [5, 2, 3],
  ],
};

const FIVE = [
  [0, 1, 1, 1, 1],
  [1, 0, 1, 0, 2],
  [0, 2, 0, 1, 1],
  [1, 1, 1, 0, 1],
  [1, 0, 2, 1, 0],
];

export const MUTANTS: readonly Mutant[] = [
  {
    id: '1',
    change: 'no barrier before tail is counted (:491), as in Z01',
    verdict: 'RC + SD',
    // No race: volatile accesses of one size never race. The flags keep what is overwritten from being taken for data.
    shows: ['invariant', 'deadlock'],
    breaks: [TAIL_COUNTS],
    patches: [patch('yield* this.barrier(); // :491', '')],
    calls: { ...PAIRS, depth: 1 },
  },
  {
    id: '2',
    change: 'the sender waits with depth + 1',
    verdict: 'overwrite -> DL',
    shows: ['invariant', 'deadlock'],
    breaks: [FREE_SLOT, FULL],
    patches: [patch('BigInt(this.c.RECV_FIFO_DEPTH)) < u64(', 'BigInt(this.c.RECV_FIFO_DEPTH + 1)) < u64(')],
    calls: SLICES,
  },
  {
    id: '3',
    change: 'flag = step % 8 + 1',
    verdict: 'stale flag, SD on the 9th slice',
    shows: ['invariant', 'wrong bytes', 'schedule-dependent'],
    breaks: [FLAG],
    patches: [patch('return u64(this.step + 1n); // :295', 'return u64((this.step % 8n) + 1n);')],
    calls: ROUND,
  },
  {
    id: '4',
    change: 'flag = step: the first is 0',
    verdict: 'accepts a zeroed FIFO: UN',
    shows: ['invariant', 'wrong bytes', 'schedule-dependent'],
    breaks: [FLAG, TAIL_COUNTS],
    patches: [patch('return u64(this.step + 1n); // :295', 'return u64(this.step);')],
    calls: SLICES,
  },
  {
    id: '5a',
    change: 'no second barrier in waitSend (:478)',
    verdict: 'RC on index buffer',
    // Each thread waits for tail itself, and the barriers at :355 and :482 are still around the index buffer.
    shows: [],
    patches: [patch('yield* this.barrier(); // :478', '')],
    calls: PAIRS,
    schedules: ['rr', 'blocked', 'random:0', 'random:1', 'pct:3,length=150'],
  },
  {
    id: '5b',
    change: 'no first barrier in updateSend (:482)',
    verdict: 'early head',
    shows: ['invariant'],
    breaks: [SLOT_OF_HEAD, FLAG, HEAD_COUNTS],
    patches: [patch('yield* this.barrier(); // :482', '')],
    calls: PAIRS,
  },
  {
    id: '5c',
    change: 'no barrier behind the index buffer (:355)',
    verdict: 'RC on index buffer',
    shows: ['race'],
    patches: [patch('yield* this.barrier(); // :355', '')],
    calls: PAIRS,
  },
  {
    id: '6',
    change: 'barriers of 32 threads, not 64',
    verdict: 'BD',
    shows: ['race', 'undefined read'],
    patches: [patch('15 - this.group, this.nthreads', '15 - this.group, 32')],
    calls: PAIRS,
  },
  {
    id: '7',
    change: 'two groups share a barrier',
    verdict: 'BD/SD',
    shows: ['race', 'barrier reuse'],
    patches: [patch('15 - this.group, this.nthreads', '15 - divI32(this.group, 2), this.nthreads')],
    calls: UNEVEN,
  },
  {
    id: '8',
    change: 'each lane waits for its own flag, not for those of the warp',
    verdict: 'torn packet, SD in modes ii-iv',
    shows: ['wrong bytes', 'schedule-dependent'],
    patches: [patch('yield* t.anySync(WARP_MASK, needReload)', 'needReload')],
    calls: SLICES,
    schedules: BY_LINES,
  },
  {
    id: '9',
    change: 'the vote has a mask of 31 lanes',
    verdict: 'BD',
    shows: ['misuse'],
    patches: [patch('t.anySync(WARP_MASK, needReload)', 't.anySync(0x7fffffff, needReload)')],
    calls: SLICES,
  },
  {
    id: '10',
    change: 'lane 6 of 8 carries the flag, not lane 7',
    verdict: 'SD (swizzle)',
    shows: ['wrong bytes', 'invariant'],
    breaks: [FLAG],
    patches: [patch('t.threadIdx.x % 8 === 7; // :314', 't.threadIdx.x % 8 === 6;')],
    calls: SLICES,
    schedules: BY_LINES,
  },
  {
    id: '11',
    change: 'tail is counted once the first packet is loaded, before the stores to the output',
    verdict: 'RC (WAR) in relaxed mode',
    shows: ['invariant', 'deadlock'],
    breaks: [TAIL_COUNTS],
    patches: [
      patch(
        '        // :431\n',
        '        if (this.tid === 0 && packetId === 0 && vecId === this.sliceStartIndice) yield* t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_TAIL, 1n);\n',
      ),
      patch('yield* this.t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_TAIL, 1n); // :493', ''),
    ],
    calls: { ...PAIRS, depth: 1 },
  },
  {
    id: '12a',
    change: 'barriers of all threads of the block, not of the group',
    verdict: 'BD/DL',
    shows: ['deadlock'],
    patches: [patch('15 - this.group, this.nthreads', '15, mulI32(this.nthreads, this.c.GROUP_COUNT_PER_BLOCK)')],
    calls: UNEVEN,
  },
  {
    id: '12b',
    change: '__syncthreads instead of the barrier of the group',
    verdict: 'BD/DL',
    // It does not wait for threads that have exited, and groups that go on do so slice by slice: none waits in vain.
    shows: [],
    patches: [
      patch('return barrierSync(this.t, 15 - this.group, this.nthreads); // :471', 'return this.t.syncthreads();'),
    ],
    calls: UNEVEN,
    schedules: ['rr', 'blocked', 'random:0', 'pct:3,length=150'],
  },
  {
    id: '13a',
    change: 'a receiver expects one slice more than is sent',
    verdict: 'LL',
    shows: ['deadlock'],
    patches: [],
    calls: {
      ...SLICES,
      expects: [
        [0, 5],
        [2, 0],
      ],
    },
    twin: SLICES,
  },
  {
    id: '13b',
    change: 'a receiver expects one slice less than is sent; then the next call',
    verdict: 'next-launch shift',
    shows: ['wrong bytes'],
    patches: [],
    calls: {
      ...SLICES,
      calls: 2,
      expects: [
        [0, 3],
        [2, 0],
      ],
    },
    twin: { ...SLICES, calls: 2 },
  },
  {
    id: '14',
    change: 'a vector of more packets than an entry holds (129 in the original)',
    verdict: 'LL with moving counters',
    shows: ['livelock', 'invariant'],
    breaks: [HEAD_COUNTS, TAIL_COUNTS],
    patches: [],
    calls: { epSize: 1, sends: [[1]], packetsPerVector: 3, packetsPerEntry: 2 },
    twin: { epSize: 1, sends: [[1]], packetsPerVector: 2, packetsPerEntry: 2 },
    schedules: ['rr', 'random:0'],
  },
  {
    id: '15',
    change: 'one channel on one rank, two on the other',
    verdict: 'DL',
    shows: ['deadlock'],
    patches: [],
    calls: { ...SLICES, channels: [1, 2] },
    twin: { ...SLICES, channels: [2, 2] },
  },
  {
    id: '16',
    change: 'the host zeroes heads and tails between two calls, not the flags',
    verdict: 'SD (old data accepted)',
    shows: ['wrong bytes', 'schedule-dependent'],
    patches: [],
    calls: { ...SLICES, calls: 2, between: 'zeroes heads and tails' },
    twin: { ...SLICES, calls: 2, between: 'waits' },
  },
  {
    id: '17',
    change: 'two calls at a time on one workspace, each rank with two streams',
    verdict: 'SD',
    shows: ['wrong bytes', 'schedule-dependent', 'invariant'],
    patches: [],
    calls: { ...SLICES, calls: 2, streamOf: (rank, call) => 2 * rank + call },
    twin: { ...SLICES, calls: 2 },
  },
  {
    id: '18',
    change: 'only the sending blocks are resident, one slice more than the FIFO holds',
    verdict: 'DL under OBE, not FAIR',
    shows: ['deadlock'],
    patches: [],
    calls: {
      ...SLICES,
      sends: [
        [0, 3],
        [3, 0],
      ],
    },
    schedules: SCHEDULES.map((schedule) => `${schedule},resident=1`),
    twinSchedules: SCHEDULES,
  },
  {
    id: '19',
    change: '9 ranks on 8 hardware queues',
    verdict: 'DL',
    shows: ['deadlock'],
    patches: [],
    calls: { ...ring(9), streamOf: (rank) => rank % 8 },
    twin: ring(9),
    schedules: ['rr', 'random:0'],
    twinSchedules: ['rr', 'random:0'],
  },
  {
    id: '20',
    change: 'a scan of 4 threads for 5 ranks (128 for 129 in Z03)',
    verdict: 'LL',
    shows: ['deadlock'],
    patches: [],
    calls: { epSize: 5, sends: FIVE, scanThreads: 4 },
    twin: { epSize: 5, sends: FIVE, scanThreads: 32 },
    schedules: ['rr', 'random:0'],
  },
  {
    id: '21',
    change: 'both warps of a group count head, then the next call',
    verdict: 'SD',
    shows: ['invariant', 'deadlock'],
    breaks: [HEAD_COUNTS],
    patches: [
      patch(
        '    if (this.tid === 0) {\n      yield* this.t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_HEAD',
        '    if (this.wid === 0) {\n      yield* this.t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_HEAD',
      ),
    ],
    calls: { ...SLICES, calls: 2 },
  },
  {
    id: '22',
    change: 'the product of rank and stride is an int',
    verdict: 'OV',
    shows: ['out of bounds'],
    patches: [
      patch(
        '.add(u64(BigInt(peerRank) * rankStrideInU64)) // :225',
        '.add(BigInt.asIntN(32, BigInt(peerRank) * rankStrideInU64))',
        'moe-comm-structs.ts',
      ),
    ],
    calls: {
      epSize: 3,
      sends: [
        [0, 1, 1],
        [1, 0, 1],
        [1, 1, 0],
      ],
      strideBytes: 2 ** 33,
    },
  },
];

/** A vector from each rank to the next. */
function ring(epSize: number): Calls {
  const sends = Array.from({ length: epSize }, (_, from) =>
    Array.from({ length: epSize }, (_unused, to) => (to === (from + 1) % epSize ? 1 : 0)),
  );
  return { epSize, sends };
}

export const UNSHOWN: readonly UnshownMutant[] = [
  {
    id: '11b',
    change: 'tail is counted once the last packet of a slice is loaded, before the stores to the output',
    needs: 'memory mode',
    why: 'the packet is in registers by then: only loads that may be late make a difference',
  },
];

/** What the runs of a mutant show, one a schedule. */
export function detectorsOf(results: readonly CallsResult[]): MutantDetector[] {
  const shown = new Set<MutantDetector>();
  for (const { outcome, races, reusesBarrier, violations, isRight } of results) {
    if (races.length > 0) shown.add('race');
    if (reusesBarrier) shown.add('barrier reuse');
    if (violations.length > 0) shown.add('invariant');
    if (isRight === false) shown.add('wrong bytes');
    if (outcome.verdict === 'deadlock' || outcome.verdict === 'livelock') shown.add(outcome.verdict);
    if (outcome.verdict === 'error') {
      const { code } = outcome.error;
      if (code === 'UNDEFINED_READ') shown.add('undefined read');
      else if (code === 'OUT_OF_BOUNDS') shown.add('out of bounds');
      else if (code.startsWith('WARP_') || code.startsWith('BARRIER_')) shown.add('misuse');
      else throw new Error(outcome.error.message);
    }
    if (outcome.verdict === 'budget') throw new Error('a limit ended the run: raise it, or make the call smaller');
  }
  const outputs = results.flatMap(({ output }) => (output === null ? [] : [output]));
  if (new Set(outputs).size > 1) shown.add('schedule-dependent');
  return [...shown];
}
