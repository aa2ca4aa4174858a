import { ORIGINAL_FIFO } from './fifo-shape.js';
import { requireInteger } from './requirements.js';

const GROUPS_PER_BLOCK = 8;
const CONNECTION_INFO_BYTES = 256;

/**
 * The number of channels into which a link's traffic is divided: as many as half of the SMs hold, and at least one.
 *
 * One channel takes a block for each 8 peers (one group a peer), once for sending and once for receiving.
 * @throws RangeError if `epSize` is not in 1..1024, or the blocks of a single channel outnumber all the SMs.
 * Source: meaning of computeMoeCommChannelCount, trtllm_alltoall.cuh.
 */
export function channelCountReference(epSize: number, smCount: number): number {
  requireInteger('epSize', epSize, 1, 1024);
  const blocksPerChannel = 2 * Math.ceil(epSize / GROUPS_PER_BLOCK);
  requireInteger(`smCount (epSize ${epSize})`, smCount, blocksPerChannel, 2 ** 31 - 1);
  return Math.max(1, Math.floor(Math.floor(smCount / 2) / blocksPerChannel));
}

/**
 * The bytes of one rank's workspace: for each peer and channel a FIFO to receive from and the 256-byte record of a
 * FIFO to send to.
 *
 * Differs: the original multiplies in 32 bits, so from epSize * channelCount = 1024 on its result is not this number.
 * @throws RangeError if an argument is not a positive integer.
 * Source: meaning of getMoeCommWorkspaceSize, trtllm_alltoall.cuh.
 */
export function workspaceBytesReference(epSize: number, channelCount: number): number {
  requireInteger('epSize', epSize, 1, 1024);
  requireInteger('channelCount', channelCount, 1, 2 ** 31 - 1);
  return epSize * channelCount * (ORIGINAL_FIFO.depth * ORIGINAL_FIFO.entryBytes + CONNECTION_INFO_BYTES);
}
