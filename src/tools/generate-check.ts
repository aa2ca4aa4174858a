import type { Capture, LocalGatherCapture, MoeCommCapture, PrepareIndicesCapture } from '../capture/index.js';
import { SIZEOF_MOE_COMM_FIFO_CONN_INFO } from '../kernels/index.js';
import {
  allToAllReference,
  linkChannelIndex,
  localGatherReference,
  ORIGINAL_FIFO,
  prepareIndicesReference,
} from '../reference/index.js';
import type { Allocation } from '../simt/index.js';
import { bytesOf, type Call, type ExpectedBytes } from './call.js';
import { type Comparison, compareCall } from './compare.js';

/**
 * Compares what a call of {@link generateCapture}'s capture has left in memory with the reference: every output of index
 * preparation and local gather; of an all-to-all the output rows and the head and tail of every link and channel. What
 * a FIFO holds afterwards is not part of the reference.
 * @throws RangeError if the reference refuses the inputs, which those of a generated capture never are.
 */
export function checkAgainstReference(capture: Capture, call: Call): Comparison {
  return compareCall({ ...call, expected: () => expectedByReference(capture, call) });
}

/** What memory ought to hold after the call, by the reference. */
export function expectedByReference(capture: Capture, call: Call): Iterable<ExpectedBytes> {
  switch (capture.op) {
    case 'moe_comm_prepare_indices':
      return expectPrepareIndices(capture, call);
    case 'moe_local_gather':
      return expectLocalGather(capture, call);
    case 'moe_comm':
      return expectMoeComm(capture, call);
    default:
      return capture satisfies never;
  }
}

function* expectPrepareIndices({ args, inputs }: PrepareIndicesCapture, call: Call): Generator<ExpectedBytes> {
  const reference = prepareIndicesReference({ ...args, ...inputs });
  yield expectElements(call, 'local_gather_indices', reference.localGatherIndices);
  yield expectElements(call, 'send_rank_count_cum_sum', reference.sendRankCountCumSum);
  yield expectElements(call, 'send_rank_local_indices', reference.sendRankLocalIndices);
  yield expectElements(call, 'recv_rank_count_cum_sum', reference.recvRankCountCumSum);
  yield expectElements(call, 'recv_rank_local_indices', reference.recvRankLocalIndices);
  yield expectElements(call, 'backward_recv_rank_local_indice', reference.backwardRecvRankLocalIndices);
}

function* expectLocalGather({ args, inputs }: LocalGatherCapture, call: Call): Generator<ExpectedBytes> {
  const reference = localGatherReference({ ...args, ...inputs });
  yield expectElements(call, 'local_expert_ids', reference.localExpertIds);
  yield expectElements(call, 'local_scales', reference.localScalesBits);
}

function* expectMoeComm({ args, ranks }: MoeCommCapture, call: Call): Generator<ExpectedBytes> {
  const { epSize, channelCount, vectorBytes, inputRowStrideBytes, outputRowStrideBytes } = args;
  const reference = allToAllReference({
    epSize,
    channelCount,
    vectorBytes,
    ranks: ranks.map(({ inputs }) => ({ ...inputs, inputRowStrideBytes, outputRowStrideBytes })),
  });
  if (reference.kind !== 'completes') throw new RangeError(reference.explanation);
  for (let rank = 0; rank < epSize; rank++) {
    yield {
      tensor: `r${rank}/out/output`,
      allocation: allocationNamed(call, `output of rank ${rank}`),
      offsetBytes: 0,
      bytes: reference.outputs[rank]!,
      locate: (offset) => `row ${Math.floor(offset / outputRowStrideBytes)}, byte ${offset % outputRowStrideBytes}`,
    };
  }
  const fifoBytes = ORIGINAL_FIFO.depth * ORIGINAL_FIFO.entryBytes * epSize * channelCount;
  for (let sender = 0; sender < epSize; sender++) {
    const allocation = allocationNamed(call, `workspace of rank ${sender}`);
    for (let receiver = 0; receiver < epSize; receiver++) {
      for (let channel = 0; channel < channelCount; channel++) {
        const index = linkChannelIndex(args, sender, receiver, channel);
        const offsetBytes = fifoBytes + SIZEOF_MOE_COMM_FIFO_CONN_INFO * (receiver * channelCount + channel);
        const link = `of link ${sender} -> ${receiver}, channel ${channel}`;
        yield {
          tensor: `r${sender}/out/workspace`,
          allocation,
          offsetBytes,
          bytes: bytesOf(BigUint64Array.of(reference.heads[index]!, reference.tails[index]!)),
          locate: (offset) => `${offset - offsetBytes < 8 ? 'head' : 'tail'} ${link}, byte ${offset % 8}`,
        };
      }
    }
  }
}

function expectElements(call: Call, tensor: string, expected: Int32Array): ExpectedBytes {
  return {
    tensor: `out/${tensor}`,
    allocation: allocationNamed(call, tensor),
    offsetBytes: 0,
    bytes: bytesOf(expected),
    locate: (offset) => `element ${Math.floor(offset / 4)}, byte ${offset % 4} of it`,
  };
}

/** The buffers of a call are known by their names, which `setUpCall` gives them. */
function allocationNamed({ machine }: Call, name: string): Allocation {
  const found = machine.memory.space.allocations.find((allocation) => allocation.name === name);
  if (found === undefined) throw new Error(`[simtwin bug] the call has no buffer '${name}'`);
  return found;
}
