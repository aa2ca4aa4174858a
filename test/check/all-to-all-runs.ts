import { InvariantChecker, type InvariantViolation, type Race, RaceChecker } from '../../src/check/index.js';
import {
  type AllToAllShape,
  inplaceSendRecvRankCumSumKernel,
  MoeCommHost,
  moeAllToAll,
} from '../../src/kernels/index.js';
import { type Program, programOf } from '../../src/program/index.js';
import { allToAllReference } from '../../src/reference/index.js';
import {
  type Allocation,
  describeOutcome,
  Machine,
  type Outcome,
  type Pointer,
  Random,
  type Stream,
} from '../../src/simt/index.js';
import { observeAll, type StepObserver, stepEngine } from '../../src/step/index.js';

/** One or more calls of the all-to-all on one workspace. */
export interface Calls {
  readonly epSize: number;
  /** Vectors from each rank to each. */
  readonly sends: readonly (readonly number[])[];
  /** What receivers expect of senders in the first call, [from][to]; default: what they send. */
  readonly expects?: readonly (readonly number[])[];
  /** Default 1. */
  readonly packetsPerVector?: number;
  /** Packets of a FIFO entry, and entries; default 1 and 2. */
  readonly packetsPerEntry?: number;
  readonly depth?: number;
  /** Channels by rank; default: 1 each. */
  readonly channels?: readonly number[];
  /** Calls, each with data of its own; default 1. */
  readonly calls?: number;
  /** Streams that the launches of all ranks and calls take in turn, by their number; default: one a rank. */
  readonly streamOf?: (rank: number, call: number) => number;
  /** What the host does between two calls, having waited for the first one; default: it does not wait. */
  readonly between?: 'waits' | 'zeroes heads and tails';
  /** Threads of a scan that makes sums of the counts on the device; default: the host makes them. */
  readonly scanThreads?: number;
  /** Bytes from one rank's workspace to the next; default: as few as it takes. */
  readonly strideBytes?: number;
}

/** What a run showed. */
export interface CallsResult {
  readonly outcome: Outcome;
  readonly text: string;
  readonly races: readonly Race[];
  /** Barriers that threads came to before its last phase was over. */
  readonly reusesBarrier: boolean;
  readonly violations: readonly InvariantViolation[];
  /** The outputs of all calls; null unless the run completes. */
  readonly output: string | null;
  /** Whether the output is what the reference says; null unless the run completes. */
  readonly isRight: boolean | null;
}

/** A packet of 4 registers a lane: half as much work as the original's 8. */
const REGISTERS = 4;
const PACKET_BYTES = REGISTERS * 256;
const PAYLOAD_BYTES = REGISTERS * 240;

const LIMITS = { maxSteps: 2 ** 20 };

/**
 * Runs calls in mode `step` with all checkers. `program`: of the kernel; null: the sound one. `onPart` is shown each rank's
 * part of the workspace at the end; `others` look on as well.
 */
export function runCalls(
  calls: Calls,
  schedule: string,
  program: Program | null,
  onPart: (part: Allocation) => void = () => {},
  others: readonly StepObserver[] = [],
): CallsResult {
  const [races, invariants] = [new RaceChecker(), new InvariantChecker()];
  const engine = stepEngine({
    observer: observeAll([races, invariants, ...others]),
    programOf: (kernel) => (kernel.name === 'moeAllToAllKernel' && program !== null ? program : programOf(kernel)),
  });
  const machine = new Machine({ schedule, limits: LIMITS, engine });
  const { memory } = machine;
  const { epSize, sends, scanThreads, packetsPerVector = 1, packetsPerEntry = 1, depth = 2, between } = calls;
  const vectorBytes = packetsPerVector * PAYLOAD_BYTES;
  const groups = Math.min(epSize, 3);
  const shape: Partial<AllToAllShape> = {
    RECV_FIFO_DEPTH: depth,
    RECV_FIFO_ENTRY_BYTES: packetsPerEntry * PACKET_BYTES,
    U64_DATA_REG_PER_THREAD: REGISTERS,
    GROUP_COUNT_PER_BLOCK: groups,
  };
  const hosts = Array.from({ length: epSize }, (_, rank) => {
    const channels = calls.channels?.[rank] ?? 1;
    return new MoeCommHost({ multiProcessorCount: 4 * Math.ceil(epSize / groups) * channels, shape });
  });
  const bytesPerRank = Math.max(...hosts.map((host) => Number(host.getMoeCommWorkspaceSize(epSize))));
  const strideBytes = calls.strideBytes ?? bytesPerRank;
  const workspacePtr = memory.allocateSymmetric('workspace', 'u64', {
    ranks: epSize,
    bytesPerRank,
    strideBytes,
    zeroed: true,
  });
  const random = new Random(1);
  const sumsOf = (counts: readonly number[]) => Int32Array.from(counts, (_, at) => sum(counts.slice(0, at + 1)));
  const firstExpects = calls.expects ?? sends;
  const countTo = (count: number) => Int32Array.from({ length: count }, (_, index) => index);
  const streams: Stream[] = [];
  const outputs: { readonly pointer: Pointer<'u64'>; readonly expected: Uint8Array | null }[] = [];
  let outcome: Outcome | null = null;
  for (let call = 0; call < (calls.calls ?? 1); call++) {
    if (call > 0 && between !== undefined) {
      outcome = machine.run();
      if (outcome.verdict !== 'completes') break;
      races.hostSynchronizes();
      if (between === 'zeroes heads and tails') {
        const fifoBytes = depth * packetsPerEntry * PACKET_BYTES * epSize;
        for (let rank = 0; rank < epSize; rank++) {
          const part = memory.allocationAt(workspacePtr.address + rank * strideBytes);
          part.hostWrite(fifoBytes, { fill: 0, bytes: part.bytes - fifoBytes });
        }
      }
    }
    const ranks = Array.from({ length: epSize }, (_, rank) => {
      const expected = (call === 0 ? firstExpects : sends).map((row) => row[rank]!);
      const words = (sum(sends[rank]!) * vectorBytes) / 4;
      return {
        input: new Uint8Array(Int32Array.from({ length: words }, () => random.nextWord()).buffer),
        output: new Uint8Array(sum(expected) * vectorBytes).fill(0xee),
        sendRankCumSum: sumsOf(sends[rank]!),
        sendIndices: countTo(sum(sends[rank]!)),
        recvRankCumSum: sumsOf(expected),
        recvIndices: countTo(sum(expected)),
        inputRowStrideBytes: vectorBytes,
        outputRowStrideBytes: vectorBytes,
      };
    });
    const reference = allToAllReference({ epSize, channelCount: 1, vectorBytes, ranks });
    ranks.forEach((rank, r) => {
      const dataPtr = memory.upload(`output of rank ${r}`, 'u64', rank.output);
      outputs.push({ pointer: dataPtr, expected: reference.kind === 'completes' ? reference.outputs[r]! : null });
      const number = calls.streamOf?.(r, call) ?? r;
      streams[number] ??= machine.stream(r);
      const worldInfo = { epSize, epRank: r };
      const countsOf = (sums: Int32Array) => sums.map((end, at) => end - (sums[at - 1] ?? 0));
      const [sendSums, recvSums] = [rank.sendRankCumSum, rank.recvRankCumSum].map((sums, at) =>
        memory.upload(
          `${at === 0 ? 'send' : 'receive'} sums of rank ${r}`,
          'i32',
          scanThreads === undefined ? sums : countsOf(sums),
        ),
      ) as [Pointer<'i32'>, Pointer<'i32'>];
      if (scanThreads !== undefined) {
        streams[number].launch(
          inplaceSendRecvRankCumSumKernel,
          { grid: 2, block: scanThreads },
          { kThreadsPerBlock: scanThreads, worldInfo, sendRankCount: sendSums, recvRankCount: recvSums },
          r,
        );
      }
      moeAllToAll(
        hosts[r]!,
        {
          worldInfo,
          vectorSizeInU64: vectorBytes / 8,
          sendDispls: {
            dataPtr: memory.upload(`input of rank ${r}`, 'u64', rank.input),
            rankCountCumSum: sendSums,
            rankLocalIndices: memory.upload(`send indices of rank ${r}`, 'i32', rank.sendIndices),
            vectorStrideInU64: vectorBytes / 8,
          },
          recvDispls: {
            dataPtr,
            rankCountCumSum: recvSums,
            rankLocalIndices: memory.upload(`receive indices of rank ${r}`, 'i32', rank.recvIndices),
            vectorStrideInU64: vectorBytes / 8,
          },
          workspace: { workspacePtr, rankStrideInU64: BigInt(strideBytes / 8) },
        },
        streams[number],
        r,
      );
    });
  }
  if (outcome === null || outcome.verdict === 'completes') outcome = machine.run();
  for (let rank = 0; rank < epSize; rank++) onPart(memory.allocationAt(workspacePtr.address + rank * strideBytes));
  const completes = outcome.verdict === 'completes';
  const texts = completes
    ? outputs.map(({ pointer }) => Buffer.from(memory.download(pointer, pointer.allocation.bytes / 8)).toString('hex'))
    : [];
  return {
    outcome,
    text: describeOutcome(outcome, machine.limits),
    races: races.findings.filter((finding) => finding.kind === 'race'),
    reusesBarrier: races.findings.some(({ kind }) => kind === 'barrier reuse'),
    violations: invariants.findings,
    output: completes ? texts.join('\n') : null,
    isRight: completes
      ? outputs.every(({ expected }, at) => expected === null || Buffer.from(expected).toString('hex') === texts[at])
      : null,
  };
}

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
