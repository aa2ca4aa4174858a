import { CaptureError, type MoeCommCapture } from '../capture/index.js';
import type { Machine } from '../simt/index.js';
import { parseSchedule } from '../simt/index.js';
import type { CallOptions } from './call.js';
import { setUpMoeComm } from './moe-comm-call.js';

/** What of an all-to-all's surroundings can be other than it was recorded. */
export interface Variation {
  /** Most resident blocks of a device. */
  readonly resident?: number;
  /** `own`: each rank's launch on a stream of its own; `one`: all on one stream. */
  readonly streams?: 'own' | 'one';
  /** Ranks in the order in which they are launched. */
  readonly order?: readonly number[];
  /**
   * Hardware queues: streams beyond as many share them in turn, and launches that share one run one after the other.
   */
  readonly queues?: number;
  readonly channels?: number;
  /** Entries of a FIFO. */
  readonly depth?: number;
  readonly granule?: 32 | 8 | 1;
}

export type Dimension = keyof Variation;

/**
 * Sets up a captured all-to-all with other surroundings.
 * @throws CaptureError if the workspace is in use and the variation would lay it out otherwise; RangeError, HostCheckError
 * as {@link setUpMoeComm} does.
 */
export function setUpVariation(
  capture: MoeCommCapture,
  { resident, streams, order, queues, channels, depth, granule }: Variation,
  { schedule: given = 'rr', ...options }: CallOptions,
  file: string,
): Machine {
  const isLaidOutAnew = channels !== undefined || depth !== undefined;
  if (isLaidOutAnew && capture.ranks.some(({ inputs }) => inputs.workspacePages.data.some((byte) => byte !== 0))) {
    throw new CaptureError(
      file,
      null,
      'its workspace holds data of earlier calls, laid out for its own channels and FIFO depth: vary something else, or the first call on a workspace',
    );
  }
  const schedule = typeof given === 'string' ? parseSchedule(given) : given;
  const varied = {
    ...schedule,
    ...(resident === undefined ? {} : { residentBlocks: resident }),
    ...(granule === undefined ? {} : { granule }),
  };
  const { args } = capture;
  const oneStream = streams === undefined ? args.oneStream : streams === 'one';
  const { machine } = setUpMoeComm(capture, { ...options, schedule: varied }, file, {
    ...(channels === undefined ? {} : { channelCount: channels }),
    ...(depth === undefined ? {} : { fifoDepth: depth }),
    launchOrder: order ?? [...args.launchedRanks].sort((a, b) => a - b),
    streamCount: oneStream ? 1 : (queues ?? Number.POSITIVE_INFINITY),
  });
  return machine;
}

/** Where the verdict of a sweep changes. */
export interface Flip<T> {
  readonly from: T;
  readonly to: T;
  /** How calls end, in words. */
  readonly before: string;
  readonly after: string;
}

/** The places of a sweep along one dimension at which calls begin to end otherwise. */
export function flipsOf<T>(values: readonly T[], ends: readonly string[]): Flip<T>[] {
  return values.slice(1).flatMap((to, index) => {
    const [before, after] = [ends[index]!, ends[index + 1]!];
    return before === after ? [] : [{ from: values[index]!, to, before, after }];
  });
}
