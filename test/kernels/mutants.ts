/** One planted bug: the text that is replaced occurs exactly once in the file. */
export interface Mutant {
  /** File of `src/kernels`. */
  readonly file: string;
  readonly replace: string;
  readonly by: string;
  /** How a failure begins: what the bug does. */
  readonly shows: RegExp;
}

const COUNT = 'compute-send-recv-rank-count-kernel.ts';
const SUM = 'inplace-send-recv-rank-cum-sum-kernel.ts';
const INDICES = 'compute-send-recv-indices-kernel.ts';
const GATHER = 'moe-local-gather-device.ts';
const COMMUNICATOR = 'all-to-all-channel-communicator.ts';

const WRONG = /^differs: /;
const WRONG_OR_HANGS = /^(differs|budget|deadlock): /;
const WRONG_OR_UNDEFINED = /^(differs|UNDEFINED_READ): /;
/** Warps that read what others are about to write: what comes of it depends on the order, and thus on the mode. */
const WRONG_IN_ANY_WAY = /^(differs|budget|deadlock|UNDEFINED_READ|OUT_OF_BOUNDS): /;
const WRONG_OR_OUTSIDE = /^(differs|OUT_OF_BOUNDS): /;

/** Bugs to plant in the ports, by name. A property must find each of those that it is given. */
export const MUTANTS = {
  // Index preparation.
  'count: no barrier before counting': {
    file: COUNT,
    replace: 'yield* t.syncthreads(); // :555',
    by: '',
    shows: WRONG_OR_UNDEFINED,
  },
  'count: no barrier after counting': {
    file: COUNT,
    replace: 'yield* t.syncthreads(); // :576',
    by: '',
    shows: WRONG_OR_UNDEFINED,
  },
  'count: one token too many': {
    file: COUNT,
    replace: 'i < readRankTokenCount',
    by: 'i <= readRankTokenCount',
    shows: WRONG_OR_OUTSIDE,
  },
  'count: a target named twice counts twice': {
    file: COUNT,
    replace: 'hasRankMatched && laneInTile === 0',
    by: 'rankMatched',
    shows: WRONG_OR_OUTSIDE,
  },
  'sums: exclusive': { file: SUM, replace: '.inclusiveSum(', by: '.exclusiveSum(', shows: WRONG_OR_OUTSIDE },
  'sums: 129 ranks in a scan of 128': {
    file: 'template-arguments.ts',
    replace: 'if (epSize <= 128) return 128;',
    by: 'if (epSize <= 256) return 128;',
    shows: WRONG_OR_OUTSIDE,
  },
  'indices: no barrier before the first round': {
    file: INDICES,
    replace: 'yield* t.syncthreads(); // :699',
    by: '',
    shows: WRONG_OR_UNDEFINED,
  },
  'indices: no barrier after a round': {
    file: INDICES,
    replace: 'yield* t.syncthreads(); // :739',
    by: '',
    shows: WRONG,
  },
  'indices: ffs off by one': { file: INDICES, replace: 'ffs(laneMask) - 1', by: 'ffs(laneMask)', shows: WRONG },
  'indices: one token too many': {
    file: INDICES,
    replace: 'laneInTile < topK && i < readRankTokenCount',
    by: 'laneInTile < topK && i <= readRankTokenCount',
    shows: WRONG_OR_OUTSIDE,
  },
  'indices: start of the wrong rank': {
    file: INDICES,
    replace: 'sendRecvCumSum.load(t.blockIdx.x - 1)',
    by: 'sendRecvCumSum.load(t.blockIdx.x)',
    shows: WRONG_OR_OUTSIDE,
  },

  // Local gather.
  'gather: rows of the tile size': {
    file: GATHER,
    replace: 'gatheredExpertIds.load((mulI32(localTokenIndice, expertParallelInfo.topK)',
    by: 'gatheredExpertIds.load((mulI32(localTokenIndice, kThreadsGroupSize)',
    shows: WRONG_OR_OUTSIDE,
  },
  'gather: one row too many': {
    file: GATHER,
    replace: 'index < localMaxTokenCount',
    by: 'index <= localMaxTokenCount',
    shows: WRONG_OR_OUTSIDE,
  },
  'gather: one received row too many': {
    file: GATHER,
    replace: 'index < rankTokenCount // :872',
    by: 'index <= rankTokenCount',
    shows: WRONG_OR_OUTSIDE,
  },
  'gather: every lane of a tile copies': {
    file: GATHER,
    replace: 'laneInTile < expertParallelInfo.topK',
    by: 'laneInTile < kThreadsGroupSize',
    shows: WRONG_OR_OUTSIDE,
  },

  // All-to-all.
  'all-to-all: the sender waits for one entry more than there are': {
    file: COMMUNICATOR,
    replace: 'BigInt(this.c.RECV_FIFO_DEPTH)) < u64(',
    by: 'BigInt(this.c.RECV_FIFO_DEPTH + 1)) < u64(',
    shows: WRONG_OR_HANGS,
  },
  'all-to-all: flags repeat after a round': {
    file: COMMUNICATOR,
    replace: 'return u64(this.step + 1n); // :295',
    by: 'return (this.step % BigInt(this.c.RECV_FIFO_DEPTH)) + 1n;',
    shows: WRONG_OR_HANGS,
  },
  'all-to-all: the first flag is 0': {
    file: COMMUNICATOR,
    replace: 'return u64(this.step + 1n); // :295',
    by: 'return this.step;',
    shows: WRONG_OR_HANGS,
  },
  'all-to-all: no barriers after a slice is sent': {
    file: COMMUNICATOR,
    replace: `yield* this.barrier(); // :482
    // :483
    if (this.tid === 0) {
      yield* this.t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_HEAD, 1n); // :484
    }
    yield* this.barrier(); // :486`,
    by: 'if (this.tid === 0) yield* this.t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_HEAD, 1n);',
    shows: WRONG_OR_HANGS,
  },
  'all-to-all: no barriers after a slice is received': {
    file: COMMUNICATOR,
    replace: `yield* this.barrier(); // :491
    // :492
    if (this.tid === 0) {
      yield* this.t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_TAIL, 1n); // :493
    }
    yield* this.barrier(); // :495`,
    by: 'if (this.tid === 0) yield* this.t.atomicAddSystem(this.fifoConnInfoPtr, CONN_INFO_TAIL, 1n);',
    shows: WRONG_OR_HANGS,
  },
  'all-to-all: no barrier before the tail moves': {
    file: COMMUNICATOR,
    replace: 'yield* this.barrier(); // :491',
    by: '',
    shows: WRONG_OR_HANGS,
  },
  'all-to-all: no barrier after the indices are loaded': {
    file: COMMUNICATOR,
    replace: 'yield* this.barrier(); // :355',
    by: '',
    shows: WRONG_OR_UNDEFINED,
  },
  'all-to-all: a barrier of 32 threads': {
    file: COMMUNICATOR,
    replace: 'barrierSync(this.t, 15 - this.group, this.nthreads)',
    by: 'barrierSync(this.t, 15 - this.group, WARP_SIZE)',
    shows: WRONG_IN_ANY_WAY,
  },
  'all-to-all: two groups share a barrier': {
    file: COMMUNICATOR,
    replace: 'barrierSync(this.t, 15 - this.group, this.nthreads)',
    by: 'barrierSync(this.t, 15 - (this.group >> 1), this.nthreads)',
    shows: /^(differs|budget|deadlock|UNDEFINED_READ|BARRIER_ARRIVALS): /,
  },
  'all-to-all: a vote without lane 31': {
    file: COMMUNICATOR,
    replace: 't.anySync(WARP_MASK, needReload)',
    by: 't.anySync(0x7fffffff, needReload)',
    shows: /^WARP_MASK: lane 31 /,
  },
  'all-to-all: each lane waits for its own flag only': {
    file: COMMUNICATOR,
    replace: 'yield* t.anySync(WARP_MASK, needReload)',
    by: 'needReload',
    shows: WRONG_OR_HANGS,
  },
  'all-to-all: flags in lane 6': {
    file: COMMUNICATOR,
    replace: 't.threadIdx.x % 8 === 7',
    by: 't.threadIdx.x % 8 === 6',
    shows: WRONG,
  },
} as const satisfies Readonly<Record<string, Mutant>>;

/** Name of a planted bug. */
export type MutantName = keyof typeof MUTANTS;

/** Whether a mutant has that name. */
export const isMutantName = (name: string): name is MutantName => Object.hasOwn(MUTANTS, name);
