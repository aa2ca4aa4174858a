import type { Capture, MoeCommCapture } from '../../src/capture/index.js';

/** Peer ranks that a block of the all-to-all serves. */
const GROUP_COUNT_PER_BLOCK = 8;

/** Schedules under which the call of a capture ends, and with the recorded bytes. */
export function lawfulSchedules(capture: Capture): readonly string[] {
  return [
    'rr',
    'random:1',
    'random:2',
    'random:3',
    'blocked',
    'rr,granule=8',
    'random:4,granule=8',
    'rr,order=reverse',
    'random:5,order=shuffle:1',
    ...(capture.op === 'moe_comm' ? residentLimitsOfAllToAll(capture) : residentLimitsAndSingleLanes),
  ];
}

/** The blocks of index preparation and local gather wait for no other, and no lane relies on its neighbours' pace. */
const residentLimitsAndSingleLanes = ['random:6,resident=1', 'blocked,resident=3', 'random:7,granule=1'];

/**
 * As many blocks as send, or receive, and one more. In linear order all senders are resident from the start, in reverse
 * order all receivers: the other half can come one by one. With fewer, calls may deadlock by right.
 */
function residentLimitsOfAllToAll({ args }: MoeCommCapture): readonly string[] {
  const half = Math.ceil(args.epSize / GROUP_COUNT_PER_BLOCK) * args.channelCount;
  return [`random:6,resident=${half + 1}`, `rr,resident=${half + 1},order=reverse`];
}
