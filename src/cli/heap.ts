import v8 from 'node:v8';
import { DEFAULT_LIMITS, type EngineMode } from '../index.js';

/** What a resident thread takes of the heap, with all that belongs to it; what typed arrays hold is not on the heap. */
const THREAD_BYTES: Readonly<Record<EngineMode, number>> = { ref: 2100, step: 40, fast: 120 };
/** The part of the heap that threads may take; the rest is for captures, accesses and what is to be collected. */
const THREADS_SHARE = 0.8;

/** The most threads that may be resident at a time, so that V8 does not end the process for want of memory. */
export const mostResidentThreads = (mode: EngineMode): number =>
  Math.min(DEFAULT_LIMITS.maxResidentThreads, Math.max(1, threadsThatFit(mode)));

const threadsThatFit = (mode: EngineMode): number =>
  Math.floor((v8.getHeapStatistics().heap_size_limit * THREADS_SHARE) / THREAD_BYTES[mode]);

/** Whether an exception says that more threads would be resident than the machine was allowed. */
export const isTooManyThreads = (error: unknown): error is RangeError =>
  error instanceof RangeError && error.message.includes('threads would be resident');

/** What a user of the command line can do about it. */
export function tooManyThreads({ message }: RangeError, mode: EngineMode): string {
  const what = message.replace(/;.*$/s, '');
  const fewer = 'limit the blocks of a device (--resident-blocks), or take fewer ranks or channels';
  if (threadsThatFit(mode) > DEFAULT_LIMITS.maxResidentThreads) return `${what}; ${fewer}`;
  const heapMiB = Math.floor(v8.getHeapStatistics().heap_size_limit / 2 ** 20);
  return `${what}, at about ${THREAD_BYTES[mode]} bytes each too many for the heap of ${heapMiB} MiB; give Node a larger one (for example NODE_OPTIONS=--max-old-space-size=${2 * heapMiB}, in MiB), ${fewer}`;
}
