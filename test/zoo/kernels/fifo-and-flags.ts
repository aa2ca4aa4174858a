import {
  type DeviceFunction,
  FULL_MASK,
  type KernelBody,
  type Pointer,
  type Thread,
  u64,
} from '../../../src/simt/index.js';
import { FLAGS, type ZooArgs } from './arguments.js';
import { arrive, waitParity, waitUntilAtLeast, zeroShared } from './waiting.js';

// Zoo 1: data that is published by flags and counters.

/**
 * Z01 (flashinfer#4092): the last step of a FIFO is published by thread 0 while slower warps have not written theirs.
 */
export function* z01(t: Thread, args: ZooArgs): KernelBody {
  const { rank, flags: head, data: payload } = args;
  if (rank === 0) {
    payload.store(t.threadIdx.x, t.threadIdx.x + 1);
    // BUG: no barrier of the block.
    if (t.threadIdx.x === 0) yield* t.storeRelease('system', head, 0, 1);
  } else yield* z01Receive(t, args);
}

/** The twin of {@link z01}: with a barrier of the block before the release. */
export function* z01Fixed(t: Thread, args: ZooArgs): KernelBody {
  const { rank, flags: head, data: payload } = args;
  if (rank === 0) {
    payload.store(t.threadIdx.x, t.threadIdx.x + 1);
    yield* t.syncthreads();
    if (t.threadIdx.x === 0) yield* t.storeRelease('system', head, 0, 1);
  } else yield* z01Receive(t, args);
}

function* z01Receive(t: Thread, { flags: head, data: payload, output }: ZooArgs): DeviceFunction {
  if (t.threadIdx.x === 0) yield* waitUntilAtLeast(t, head, 0, 1);
  yield* t.syncthreads();
  output.store(t.threadIdx.x, payload.load(t.threadIdx.x));
}

const Z02_WARPS = 4;
const Z02_TOKENS = 8;

/** Z02 (flashinfer#3371): a block has several tokens and counts once, so the last token is never reached. */
export function* z02(t: Thread, args: ZooArgs): KernelBody {
  if (t.laneId !== 0) return;
  const warp = t.threadIdx.x >>> 5;
  const token = t.blockIdx.x * Z02_WARPS + warp;
  args.data.store(args.rank * Z02_TOKENS + token, token + 1);
  // BUG: every warp has a token.
  if (warp === 0) yield* z02Count(t, args);
  yield* z02Collect(t, args, token);
}

/** The twin of {@link z02}: every warp counts its token. */
export function* z02Fixed(t: Thread, args: ZooArgs): KernelBody {
  if (t.laneId !== 0) return;
  const warp = t.threadIdx.x >>> 5;
  const token = t.blockIdx.x * Z02_WARPS + warp;
  args.data.store(args.rank * Z02_TOKENS + token, token + 1);
  yield* z02Count(t, args);
  yield* z02Collect(t, args, token);
}

/** Word 0 of a rank counts its tokens, word 1 says that those of the other rank are there. */
function* z02Count(t: Thread, { rank, flags }: ZooArgs): DeviceFunction {
  yield* t.threadfenceSystem();
  const count = yield* t.atomicAddSystem(flags, FLAGS * rank, 1);
  if (count !== Z02_TOKENS - 1) return;
  yield* t.threadfenceSystem();
  yield* t.storeRelease('system', flags, FLAGS * (1 - rank) + 1, 1);
}

function* z02Collect(t: Thread, { rank, flags, data, output }: ZooArgs, token: number): DeviceFunction {
  yield* waitUntilAtLeast(t, flags, FLAGS * rank + 1, 1);
  output.store(rank * Z02_TOKENS + token, data.load((1 - rank) * Z02_TOKENS + token));
}

export interface Z03ScanArgs {
  readonly n: number;
  /** i32 [n]: counts, then their inclusive sums. */
  readonly counts: Pointer<'i32'>;
}

/**
 * Z03 (TensorRT-LLM#18799): one scan as wide as the block leaves raw counts behind it, so a sender computes another
 * number of packets than its receiver. Here the block is a warp, and the counts are 40.
 */
export function* z03Scan(t: Thread, { n, counts }: Z03ScanArgs): KernelBody {
  const index = t.threadIdx.x;
  const value = index < n ? counts.load(index) : 0;
  const sum = yield* inclusiveSum(t, value);
  if (index < n) counts.store(index, sum);
  // BUG: counts from 32 on stay counts.
}

/** The twin of {@link z03Scan}: in as many rounds as there are counts. */
export function* z03ScanFixed(t: Thread, { n, counts }: Z03ScanArgs): KernelBody {
  let before = 0;
  for (let index = t.threadIdx.x; index - t.threadIdx.x < n; index += t.blockDim.x) {
    const value = index < n ? counts.load(index) : 0;
    const sum = (before + (yield* inclusiveSum(t, value))) | 0;
    if (index < n) counts.store(index, sum);
    before = yield* t.shflSync(FULL_MASK, sum, 31);
  }
}

function* inclusiveSum(t: Thread, value: number): DeviceFunction<number> {
  let sum = value;
  for (let delta = 1; delta < 32; delta *= 2) {
    const below = yield* t.shflUpSync(FULL_MASK, sum, delta);
    if (t.laneId >= delta) sum = (sum + below) | 0;
  }
  return sum;
}

export interface Z03TransferArgs extends ZooArgs {
  /** i32: inclusive sums of the packets for each target. */
  readonly sums: Pointer<'i32'>;
  readonly target: number;
  /** Packets that the receiver waits for. */
  readonly expected: number;
}

/** Places of the FIFO between two ranks, in slices of at most one packet. */
const Z03_DEPTH = 4n;
/** Word of the flags that counts the packets; the two before it, 64 bits each, count the slices that are written and read. */
const Z03_SENT = 4;

/**
 * Rank 0 sends to `target` what its sums say, rank 1 receives. Both go on until all packets are through: with too few the
 * receiver waits for ever, with less than none both exchange empty slices for ever.
 */
export function* z03Transfer(t: Thread, args: Z03TransferArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const { rank, flags, data: packets, output, sums, target, expected } = args;
  const slices = flags.cast('u64');
  let slice = 0n;
  let done = 0;
  if (rank === 0) {
    const packetsToSend = (sums.load(target) - sums.load(target - 1)) | 0;
    while (done !== packetsToSend) {
      while (u64((yield* t.loadVolatile(slices, 1)) + Z03_DEPTH) < u64(slice + 1n)) {
        // The FIFO is full.
      }
      if (done < packetsToSend) {
        packets.store(done, done + 1);
        done++;
        yield* t.storeRelease('system', flags, Z03_SENT, done);
      }
      yield* t.threadfenceSystem();
      yield* t.atomicAddSystem(slices, 0, 1n);
      slice = u64(slice + 1n);
    }
  } else {
    while (done !== expected) {
      while ((yield* t.loadVolatile(slices, 0)) < u64(slice + 1n)) {
        // The next slice is not there.
      }
      yield* t.threadfenceSystem();
      if (done < expected && (yield* t.loadVolatile(flags, Z03_SENT)) > done) {
        output.store(done, packets.load(done));
        done++;
      }
      yield* t.atomicAddSystem(slices, 1, 1n);
      slice = u64(slice + 1n);
    }
  }
}

/**
 * Z04 (flashinfer#1841): the host makes the side stream wait for the main one, not the other way round, so what reads
 * on the main stream does not wait for the kernel on the side. One stream stands for two of which one waits.
 */
export function* z04Write(t: Thread, { data }: ZooArgs): KernelBody {
  data.store(t.threadIdx.x, t.threadIdx.x + 1);
}

export function* z04Read(t: Thread, { data, output }: ZooArgs): KernelBody {
  output.store(t.threadIdx.x, data.load(t.threadIdx.x));
}

export interface Z05Args extends ZooArgs {
  readonly workspace: Pointer<'u32'>;
  /** Words of a rank. */
  readonly stride: number;
}

/**
 * Z05 (flashinfer#3210): every rank has a workspace of its own, so the pointer to a peer's FIFO leads to memory that no
 * peer reads. And: nobody keeps the workspace alive until the kernel runs.
 */
export function* z05(t: Thread, { rank, workspace, stride, output }: Z05Args): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const mine = workspace.add(rank * stride);
  const ofPeer = workspace.add((1 - rank) * stride);
  yield* t.storeRelease('system', ofPeer, 0, rank + 1);
  yield* waitUntilAtLeast(t, mine, 0, 1);
  output.store(rank, yield* t.loadVolatile(mine, 0));
}

/** Z06 (flashinfer#2247): a rank without tokens leaves before it has set the flags that the others wait for. */
export function* z06(t: Thread, args: ZooArgs): KernelBody {
  const localTokens = args.rank === 0 ? 4 : 0;
  // BUG: the others wait for this rank all the same.
  if (localTokens === 0) return;
  yield* z06Exchange(t, args, localTokens);
}

/** The twin of {@link z06}: a rank without tokens sets its flags, too. */
export function* z06Fixed(t: Thread, args: ZooArgs): KernelBody {
  const localTokens = args.rank === 0 ? 4 : 0;
  yield* z06Exchange(t, args, localTokens);
}

function* z06Exchange(t: Thread, { rank, flags, data, output }: ZooArgs, localTokens: number): DeviceFunction {
  if (t.threadIdx.x !== 0) return;
  data.store(rank, localTokens);
  yield* t.storeRelease('system', flags, FLAGS * (1 - rank), 1);
  yield* waitUntilAtLeast(t, flags, FLAGS * rank, 1);
  output.store(rank, data.load(1 - rank));
}

const NEGATIVE_ZERO = 0x80000000;
const FLOAT_EXPONENT = 0x7f800000;

/**
 * Z07 (flashinfer#3304): the sentinel -0.0 is compared as a float. With subnormals flushed to zero, a subnormal that
 * has arrived is equal to it, and the poll never ends. The comparison is written out in integers: no arithmetic of
 * floats.
 */
export function* z07(t: Thread, { rank, data: slot, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  if (rank === 0) {
    yield* t.storeVolatile(slot, 0, 1);
    return;
  }
  let bits = yield* t.loadVolatile(slot, 0);
  // BUG: a zero or a subnormal has no exponent either.
  while ((bits & FLOAT_EXPONENT) === 0) bits = yield* t.loadVolatile(slot, 0);
  output.store(0, bits);
}

/** The twin of {@link z07}: compares the bits. */
export function* z07Fixed(t: Thread, { rank, data: slot, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  if (rank === 0) {
    yield* t.storeVolatile(slot, 0, 1);
    return;
  }
  let bits = yield* t.loadVolatile(slot, 0);
  while (bits === NEGATIVE_ZERO) bits = yield* t.loadVolatile(slot, 0);
  output.store(0, bits);
}

const Z08_BLOCKS = 3;

/** Z08 (flashinfer#3615): the leading block resets the arrival counter while another still polls it for `>=`. */
export function* z08(t: Thread, { call, flags: counter, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const item = call * Z08_BLOCKS + t.blockIdx.x;
  data.store(item, item + 1);
  yield* t.threadfence();
  yield* t.atomicAdd(counter, 0, 1);
  yield* waitUntilAtLeast(t, counter, 0, Z08_BLOCKS);
  // BUG: a late poller now sees 0.
  if (t.blockIdx.x === 0) counter.store(0, 0);
  output.store(item, data.load(call * Z08_BLOCKS + ((t.blockIdx.x + 1) % Z08_BLOCKS)));
}

/** The twin of {@link z08}: the counter is never reset, and the target grows from call to call. */
export function* z08Fixed(t: Thread, { call, flags: counter, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const item = call * Z08_BLOCKS + t.blockIdx.x;
  data.store(item, item + 1);
  yield* t.threadfence();
  yield* t.atomicAdd(counter, 0, 1);
  yield* waitUntilAtLeast(t, counter, 0, (call + 1) * Z08_BLOCKS);
  output.store(item, data.load(call * Z08_BLOCKS + ((t.blockIdx.x + 1) % Z08_BLOCKS)));
}

/** Z09 (ROCm/mori#494): the clearing store of call N lands after the peer's setting store of call N+1. */
export function* z09(t: Thread, { rank, call, flags: bar, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  data.store(call * 2 + rank, call * 2 + rank + 1);
  yield* t.storeRelease('system', bar, FLAGS * (1 - rank), 1);
  yield* waitUntilAtLeast(t, bar, FLAGS * rank, 1);
  output.store(call * 2 + rank, data.load(call * 2 + 1 - rank));
  // BUG: the peer may have set it for its next call.
  yield* t.storeRelaxed('system', bar, FLAGS * rank, 0);
}

/** The twin of {@link z09}: a flag holds the number of the call, and nobody clears it. */
export function* z09Fixed(t: Thread, { rank, call, flags: bar, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  data.store(call * 2 + rank, call * 2 + rank + 1);
  yield* t.storeRelease('system', bar, FLAGS * (1 - rank), call + 1);
  yield* waitUntilAtLeast(t, bar, FLAGS * rank, call + 1);
  output.store(call * 2 + rank, data.load(call * 2 + 1 - rank));
}

/**
 * Z10 (apache/tvm#16797): the host zeroes the signal pad after the handles are exchanged, when the peer may have
 * signalled already. A bug of the host: the order of a memset and a launch. Each rank tells the other that it may be
 * reached.
 */
export function* z10ExchangeHandles(t: Thread, { rank, flags: handles }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  yield* t.storeRelease('system', handles, FLAGS * (1 - rank), 1);
  yield* waitUntilAtLeast(t, handles, FLAGS * rank, 1);
}

export interface Z10Args extends ZooArgs {
  /** u32 [ranks], zeroed by their ranks. */
  readonly signals: Pointer<'u32'>;
}

export function* z10Signal(t: Thread, { rank, signals, output }: Z10Args): KernelBody {
  if (t.threadIdx.x !== 0) return;
  yield* t.storeRelease('system', signals, 1 - rank, 1);
  yield* waitUntilAtLeast(t, signals, rank, 1);
  output.store(rank, 1);
}

/** Z11 (vllm#8410): consecutive barriers use one counter, so a fast rank laps a slow one that polls for `==`. */
export function* z11(t: Thread, { rank, flags: counters, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  data.store(rank, rank + 1);
  yield* z11Barrier(t, counters, 0, 2);
  output.store(rank, data.load(1 - rank));
  // BUG: the same counter.
  yield* z11Barrier(t, counters, 0, 4);
  data.store(rank, 0);
}

/** The twin of {@link z11}: a counter for each barrier. */
export function* z11Fixed(t: Thread, { rank, flags: counters, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  data.store(rank, rank + 1);
  yield* z11Barrier(t, counters, 0, 2);
  output.store(rank, data.load(1 - rank));
  yield* z11Barrier(t, counters, 1, 2);
  data.store(rank, 0);
}

function* z11Barrier(t: Thread, counters: Pointer<'u32'>, index: number, target: number): DeviceFunction {
  yield* t.threadfenceSystem();
  yield* t.atomicAddSystem(counters, index, 1);
  while ((yield* t.loadVolatile(counters, index)) !== target) {
    // Not everybody is here.
  }
  yield* t.threadfenceSystem();
}

/** Z11b (aiter#4786): the scope of a flag between ranks is one device. */
export function* z11b(t: Thread, { rank, flags, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  data.store(rank, rank + 1);
  // BUG: another device reads it.
  yield* t.storeRelease('device', flags, FLAGS * (1 - rank), 1);
  yield* waitUntilAtLeast(t, flags, FLAGS * rank, 1);
  output.store(rank, data.load(1 - rank));
}

/** The twin of {@link z11b}: the scope is the system. */
export function* z11bFixed(t: Thread, { rank, flags, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  data.store(rank, rank + 1);
  yield* t.storeRelease('system', flags, FLAGS * (1 - rank), 1);
  yield* waitUntilAtLeast(t, flags, FLAGS * rank, 1);
  output.store(rank, data.load(1 - rank));
}

export interface Z12Args extends ZooArgs {
  readonly counter: Pointer<'u32'>;
  /** Number of the launch among those that count there, from 1. */
  readonly round: number;
}

/**
 * Z12 (lightseekorg/tokenspeed#351): the flags of an all-reduce neither release nor acquire, and the kernels of two
 * algorithms with different grids share one counter of blocks.
 */
export function* z12(t: Thread, { counter, round, data, output }: Z12Args): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const blocks = t.gridDim.x;
  data.store(blocks + t.blockIdx.x, t.blockIdx.x + 1);
  // BUG: no fence here and behind the poll.
  yield* t.atomicAdd(counter, 0, 1);
  while ((yield* t.loadVolatile(counter, 0)) !== round * blocks) {
    // Not everybody is here.
  }
  output.store(blocks + t.blockIdx.x, data.load(blocks + ((t.blockIdx.x + 1) % blocks)));
}

/** The twin of {@link z12}: with fences; the host gives each kernel a counter of its own. */
export function* z12Fixed(t: Thread, { counter, round, data, output }: Z12Args): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const blocks = t.gridDim.x;
  data.store(blocks + t.blockIdx.x, t.blockIdx.x + 1);
  yield* t.threadfence();
  yield* t.atomicAdd(counter, 0, 1);
  while ((yield* t.loadVolatile(counter, 0)) !== round * blocks) {
    // Not everybody is here.
  }
  yield* t.threadfence();
  output.store(blocks + t.blockIdx.x, data.load(blocks + ((t.blockIdx.x + 1) % blocks)));
}

/**
 * Z13 (nvshmem#84): a signal is added to and compared with `>=`, so a later chunk satisfies the wait for an earlier
 * one. The two blocks of rank 0 are two paths of the network, which deliver in any order.
 */
export function* z13(t: Thread, { rank, flags: signal, data: chunks, output }: ZooArgs): KernelBody {
  const chunk = t.blockIdx.x;
  if (rank === 0) {
    chunks.store(chunk * 32 + t.laneId, chunk * 32 + t.laneId + 1);
    yield* t.syncwarp();
    if (t.laneId === 0) {
      yield* t.threadfenceSystem();
      yield* t.atomicAddSystem(signal, 0, 1);
    }
  } else if (chunk === 0) {
    for (let next = 0; next < 2; next++) {
      // BUG: so many chunks have come, whichever.
      yield* waitUntilAtLeast(t, signal, 0, next + 1);
      output.store(next * 32 + t.laneId, chunks.load(next * 32 + t.laneId));
    }
  }
}

/** The twin of {@link z13}: a signal for each chunk. */
export function* z13Fixed(t: Thread, { rank, flags: signal, data: chunks, output }: ZooArgs): KernelBody {
  const chunk = t.blockIdx.x;
  if (rank === 0) {
    chunks.store(chunk * 32 + t.laneId, chunk * 32 + t.laneId + 1);
    yield* t.syncwarp();
    if (t.laneId === 0) {
      yield* t.threadfenceSystem();
      yield* t.atomicAddSystem(signal, chunk, 1);
    }
  } else if (chunk === 0) {
    for (let next = 0; next < 2; next++) {
      yield* waitUntilAtLeast(t, signal, next, 1);
      output.store(next * 32 + t.laneId, chunks.load(next * 32 + t.laneId));
    }
  }
}

/**
 * Z14 (TensorRT-LLM#14066): a kernel lets the next one begin before it has stored what that reads, which then is what
 * an earlier round has left. A flag stands for the trigger, and a stream of its own for the overlap of the launches.
 */
export function* z14(t: Thread, { flags, data }: ZooArgs): KernelBody {
  // BUG: the trigger comes first.
  yield* t.syncthreads();
  if (t.threadIdx.x === 0) yield* t.storeRelease('device', flags, 0, 1);
  data.store(t.threadIdx.x, t.threadIdx.x + 1);
}

/** The twin of {@link z14}: stores first. */
export function* z14Fixed(t: Thread, { flags, data }: ZooArgs): KernelBody {
  data.store(t.threadIdx.x, t.threadIdx.x + 1);
  yield* t.syncthreads();
  if (t.threadIdx.x === 0) yield* t.storeRelease('device', flags, 0, 1);
}

export function* z14Next(t: Thread, { flags, data, output }: ZooArgs): KernelBody {
  if (t.threadIdx.x === 0) yield* waitUntilAtLeast(t, flags, 0, 1);
  yield* t.syncthreads();
  output.store(t.threadIdx.x, data.load(t.threadIdx.x));
}

export interface Z15Args extends ZooArgs {
  readonly used: Pointer<'u32'>;
  readonly cleaned: Pointer<'u32'>;
}

/** Z15 (DeepEP#580): of two buffers a kernel uses one and cleans the other, which a kernel on another stream uses. */
export function* z15(t: Thread, { call, used, cleaned, output }: Z15Args): KernelBody {
  const index = t.threadIdx.x;
  used.store(index, used.load(index) + index + 1);
  yield* t.syncthreads();
  output.store(call * 64 + index, used.load((index + 32) % 64));
  cleaned.store(index, 0);
}

export interface Z16Args extends ZooArgs {
  /** u32 [2]: calls that each block of this rank has made. */
  readonly epochs: Pointer<'u32'>;
}

const Z16_ELEMENTS = 2;

/**
 * Z16 (FlashInfer's pcie_ipc all-reduce): each block counts its own calls to choose one of two buffers, so a block that
 * a smaller grid lacks writes, once the grid grows, to the buffer of the call before, which the peer still uses.
 */
export function* z16(t: Thread, args: Z16Args): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const epoch = args.epochs.load(t.blockIdx.x);
  // BUG: blocks of one call may disagree.
  yield* z16AllReduce(t, args, epoch & 1);
  args.epochs.store(t.blockIdx.x, epoch + 1);
}

/** The twin of {@link z16}: the call decides, the same for all blocks. */
export function* z16Fixed(t: Thread, args: Z16Args): KernelBody {
  if (t.threadIdx.x !== 0) return;
  yield* z16AllReduce(t, args, args.call & 1);
}

/** A slot that is not 0 has arrived; who has read it makes it 0 again. */
function* z16AllReduce(t: Thread, { rank, call, flags: slots, output }: Z16Args, half: number): DeviceFunction {
  const blocks = t.gridDim.x;
  const value = 100 * call + 10 * rank + 1;
  const toPeer = FLAGS * (1 - rank) + half * Z16_ELEMENTS;
  for (let element = t.blockIdx.x; element < Z16_ELEMENTS; element += blocks) {
    yield* t.storeVolatile(slots, toPeer + element, value + element);
  }
  const mine = FLAGS * rank + half * Z16_ELEMENTS;
  for (let element = t.blockIdx.x; element < Z16_ELEMENTS; element += blocks) {
    yield* waitUntilAtLeast(t, slots, mine + element, 1);
    const fromPeer = yield* t.loadVolatile(slots, mine + element);
    output.store((call * 2 + rank) * Z16_ELEMENTS + element, value + element + fromPeer);
    yield* t.storeVolatile(slots, mine + element, 0);
  }
}

const Z17_LANES = 0xff;

/**
 * Z17 (nccl#786): a line of 128 bytes has one flag, in its last 16 bytes. Where lines are not seen as a whole, the flag
 * comes before its data. The twin has a flag in each 16 bytes.
 */
export function* z17(t: Thread, { rank, data: line, output }: ZooArgs): KernelBody {
  if (t.laneId >= 8) return;
  const word = t.laneId * 4;
  if (rank === 0) {
    yield* t.storeVolatileV4(line, word, [word + 1, word + 2, word + 3, 1]);
    return;
  }
  const packet = t.registerArray('u32', 4);
  for (let isThere = false; !isThere; ) {
    yield* t.loadVolatileV4(line, word, [packet.at(0), packet.at(1), packet.at(2), packet.at(3)]);
    // BUG: only the flag of the last lane counts.
    isThere = yield* t.anySync(Z17_LANES, t.laneId === 7 && packet.at(3).value === 1);
  }
  for (let index = 0; index < 3; index++) output.store(t.laneId * 3 + index, packet.at(index).value);
}

/** The twin of {@link z17}: each 16 bytes have a flag. */
export function* z17Fixed(t: Thread, { rank, data: line, output }: ZooArgs): KernelBody {
  if (t.laneId >= 8) return;
  const word = t.laneId * 4;
  if (rank === 0) {
    yield* t.storeVolatileV4(line, word, [word + 1, word + 2, word + 3, 1]);
    return;
  }
  const packet = t.registerArray('u32', 4);
  for (let isThere = false; !isThere; ) {
    yield* t.loadVolatileV4(line, word, [packet.at(0), packet.at(1), packet.at(2), packet.at(3)]);
    isThere = yield* t.allSync(Z17_LANES, packet.at(3).value === 1);
  }
  for (let index = 0; index < 3; index++) output.store(t.laneId * 3 + index, packet.at(index).value);
}

const Z18_TILES = 3;

/** Z18 (vllm#26026): a path for empty tiles arrives at a barrier and does not wait, goes round and arrives again. */
export function* z18(t: Thread, { output }: ZooArgs): KernelBody {
  const barrier = t.shared('barrier', 'u32', 1);
  const tiles = t.shared('tiles', 'u32', Z18_TILES * 2);
  yield* zeroShared(t, barrier, 1);
  if (t.laneId !== 0) return;
  const warp = t.threadIdx.x >>> 5;
  for (let tile = 0; tile < Z18_TILES; tile++) {
    tiles.store(tile * 2 + warp, tile + 1);
    yield* arrive(t, barrier, 0);
    // BUG: does not wait.
    if (z18IsEmpty(warp, tile)) continue;
    yield* waitParity(t, barrier, 0, 2, tile & 1);
    output.store(tile * 2 + warp, tiles.load(tile * 2 + 1 - warp));
  }
}

/** The twin of {@link z18}: empty tiles wait as well. */
export function* z18Fixed(t: Thread, { output }: ZooArgs): KernelBody {
  const barrier = t.shared('barrier', 'u32', 1);
  const tiles = t.shared('tiles', 'u32', Z18_TILES * 2);
  yield* zeroShared(t, barrier, 1);
  if (t.laneId !== 0) return;
  const warp = t.threadIdx.x >>> 5;
  for (let tile = 0; tile < Z18_TILES; tile++) {
    tiles.store(tile * 2 + warp, tile + 1);
    yield* arrive(t, barrier, 0);
    yield* waitParity(t, barrier, 0, 2, tile & 1);
    if (z18IsEmpty(warp, tile)) continue;
    output.store(tile * 2 + warp, tiles.load(tile * 2 + 1 - warp));
  }
}

const z18IsEmpty = (warp: number, tile: number): boolean => warp === 1 && tile < 2;

const Z19_WRITERS = 2;

/**
 * Z19 (ROCm/mori#428): two writers each make a doorbell the larger of its value and theirs, with a load and a store,
 * and one update is lost. Block 2 is the device that waits for the doorbell.
 */
export function* z19(t: Thread, args: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const { flags: doorbell } = args;
  const posted = t.blockIdx.x + 1;
  if (posted <= Z19_WRITERS) {
    // BUG: the other may store in between.
    const rung = yield* t.loadVolatile(doorbell, 0);
    if (posted > rung) yield* t.storeVolatile(doorbell, 0, posted);
  } else yield* z19Serve(t, args);
}

/** The twin of {@link z19}: one atomic. */
export function* z19Fixed(t: Thread, args: ZooArgs): KernelBody {
  if (t.threadIdx.x !== 0) return;
  const { flags: doorbell } = args;
  const posted = t.blockIdx.x + 1;
  if (posted <= Z19_WRITERS) {
    yield* t.atomicMax(doorbell, 0, posted);
  } else yield* z19Serve(t, args);
}

function* z19Serve(t: Thread, { flags: doorbell, output }: ZooArgs): DeviceFunction {
  yield* waitUntilAtLeast(t, doorbell, 0, Z19_WRITERS);
  output.store(0, Z19_WRITERS);
}
