import { Fault, type FaultThreads } from './errors.js';
import { popc } from './integer.js';
import { hexMask } from './lanes.js';
import { OPERATION_NAMES, type Opcode } from './operation.js';
import { WARP_SIZE } from './thread.js';

// What is wrong with a warp-wide operation, a barrier or a kernel, in the words of every engine.

/** A lane at a warp-wide operation. */
interface LaneAtOperation {
  readonly lane: number;
  readonly opcode: Opcode;
  readonly mask: number;
}

/** The fault of a lane that its own mask does not name. */
export const notInMask = ({ lane, opcode, mask }: LaneAtOperation): Fault =>
  new Fault(
    'WARP_MASK',
    `lane ${lane} calls ${OPERATION_NAMES[opcode]} with mask ${hexMask(mask)}, which does not name it`,
  );

/** The fault of a lane that meets others, `arrived`, that wait for it in another operation or under another mask. */
export function warpDivergence(
  mine: LaneAtOperation,
  theirs: { readonly opcode: Opcode; readonly mask: number; readonly arrived: number },
  threads: FaultThreads = {},
): Fault {
  const waitingLane = 31 - Math.clz32(theirs.arrived & mine.mask);
  const name = OPERATION_NAMES[mine.opcode];
  const what =
    mine.opcode === theirs.opcode
      ? `lanes disagree on the mask of ${name}: lane ${mine.lane} says ${hexMask(mine.mask)}, waiting lane ${waitingLane} says ${hexMask(theirs.mask)}`
      : `lanes that wait for each other are in different operations: lane ${mine.lane} in ${name} (mask ${hexMask(mine.mask)}), lane ${waitingLane} in ${OPERATION_NAMES[theirs.opcode]} (mask ${hexMask(theirs.mask)})`;
  return new Fault('WARP_DIVERGENCE', `${what}; ${popc(theirs.arrived)} lanes wait there`, threads);
}

/** The fault of a shuffle that {@link shuffleLane} gives no lane for, or one that takes no part. */
export const undefinedShuffle = (
  opcode: Opcode,
  lane: number,
  source: number,
  width: number,
  threads: FaultThreads = {},
): Fault =>
  source === -1
    ? new Fault('INVALID_OPERAND', `shuffle width ${width} is not a power of two from 1 to 32`, threads)
    : new Fault(
        'UNDEFINED_SHUFFLE',
        `${OPERATION_NAMES[opcode]} of lane ${lane} reads lane ${source}, which does not take part: its value is undefined`,
        threads,
      );

/** @throws Fault BARRIER_COUNT unless a barrier may be used with that many threads. */
export function checkBarrierCount(id: number, expected: number, isArrival: boolean): void {
  if (expected % WARP_SIZE !== 0 || expected < 0) {
    throw new Fault(
      'BARRIER_COUNT',
      `barrier ${id} with ${expected} threads: the count must be a multiple of ${WARP_SIZE}`,
    );
  }
  if (expected === 0 && isArrival) {
    throw new Fault('BARRIER_COUNT', `barrier.arrive ${id} needs a count of threads above 0`);
  }
}

/** The fault of a thread that expects other threads than those who are at the barrier. */
export const barrierInUse = (id: number, inUseFor: number, expected: number, threads: FaultThreads = {}): Fault =>
  new Fault(
    'BARRIER_COUNT',
    `barrier ${id} is in use for ${describeCount(inUseFor)}; this thread expects ${describeCount(expected)}`,
    threads,
  );

/** The fault of a warp that comes again before the others have. */
export const secondArrival = (id: number, warp: number): Fault =>
  new Fault('BARRIER_ARRIVALS', `warp ${warp} arrives at barrier ${id} a second time before its phase is complete`);

/** The fault of a lane of a warp that has others at another barrier. */
export const barrierDivergence = (
  lane: number,
  id: number,
  otherLane: number,
  otherId: number,
  threads: FaultThreads = {},
): Fault =>
  new Fault(
    'BARRIER_DIVERGENCE',
    `lanes of one warp are at different barriers: lane ${lane} at barrier ${id}, lane ${otherLane} at barrier ${otherId}; an aligned barrier must be reached by the whole warp together`,
    threads,
  );

/** What a kernel threw, as a fault. */
export const faultOf = (error: unknown): Fault =>
  error instanceof Fault
    ? error
    : new Fault(
        'KERNEL_THREW',
        error instanceof Error
          ? `the kernel threw ${error.name}: ${error.message}`
          : `the kernel threw ${String(error)}`,
      );

const describeCount = (expected: number): string =>
  expected === 0 ? 'all threads of the block' : `${expected} threads`;
