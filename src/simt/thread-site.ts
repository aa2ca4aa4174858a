import type { ThreadSite } from './errors.js';
import { hexMask } from './lanes.js';
import {
  isBarrier,
  isCollective,
  OP_ACTIVEMASK,
  OP_BARRIER_SYNC,
  OP_FENCE,
  OP_NONE,
  OPERATION_NAMES,
  type Opcode,
  type Ordering,
  type Scope,
} from './operation.js';
import type { Dim3, ScalarType } from './scalar.js';
import type { SourceFrame } from './source-frame.js';
import { PHASE_CALLED, PHASE_IDLE } from './thread.js';

/** A thread of any engine, as messages need it: who it is, and its current or last visible operation. */
export interface ThreadView {
  readonly block: {
    readonly launch: { readonly device: number; readonly name: string };
    readonly blockIdx: Dim3;
  };
  readonly warp: { readonly index: number };
  readonly threadIdx: Dim3;
  readonly laneId: number;
  /** Thread number within the block: x fastest. */
  readonly threadRank: number;
  /** One of PHASE_…. */
  readonly phase: number;
  readonly opcode: Opcode;
  readonly mask: number;
  readonly operandA: number;
  readonly operandB: number;
  readonly pointer: {
    readonly address: number;
    readonly elementBytes: number;
    readonly type: ScalarType;
    readonly space: { readonly name: string };
  } | null;
  readonly ordering: Ordering;
  readonly scope: Scope;
}

const formatDim3 = ({ x, y, z }: Dim3): string => `(${x},${y},${z})`;

/** Who a thread is and what it does or waits at. `frames` are its kernel's frames where they are known. */
export function siteOf(thread: ThreadView, frames: readonly SourceFrame[] = []): ThreadSite {
  const { block } = thread;
  return {
    rank: block.launch.device,
    kernel: block.launch.name,
    block: formatDim3(block.blockIdx),
    thread: formatDim3(thread.threadIdx),
    warp: thread.warp.index,
    lane: thread.laneId,
    operation: thread.phase === PHASE_IDLE ? '' : describeOperation(thread),
    frames,
  };
}

/** The operation that a thread has called, with its operands, in PTX's words. */
export function describeOperation(thread: ThreadView): string {
  const { opcode } = thread;
  const name = OPERATION_NAMES[opcode]!;
  if (opcode === OP_NONE) return '';
  // Not yet yielded: the operands may be those of an operation that was to follow.
  if (thread.phase === PHASE_CALLED) return name;
  if (isCollective(opcode)) return `${name} mask ${hexMask(thread.mask)}`;
  if (isBarrier(opcode)) {
    const aligned = thread.mask === 1 ? '.aligned' : '';
    const isOfBlock = opcode === OP_BARRIER_SYNC && thread.operandB === 0;
    return `${name}${aligned} ${thread.operandA}${isOfBlock ? ' (all threads of the block)' : `, ${thread.operandB}`}`;
  }
  if (opcode === OP_ACTIVEMASK) return name;
  if (opcode === OP_FENCE) return `fence.${thread.scope}`;
  const pointer = thread.pointer!;
  const address = pointer.address + thread.operandA * pointer.elementBytes;
  const ordering = thread.ordering === 'volatile' ? 'volatile' : `${thread.ordering}.${thread.scope}`;
  const [stem, ...rest] = name.split('.');
  return `${stem}.${ordering}.${pointer.space.name}${rest.map((part) => `.${part}`).join('')}.${pointer.type} [0x${address.toString(16)}]`;
}
