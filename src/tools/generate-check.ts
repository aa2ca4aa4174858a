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
import { bytesOf, type Call, type ExpectedBytes, expectElements, expectOutput } from './call.js';
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
  const named = expectNamed(call);
  yield named('local_gather_indices', reference.localGatherIndices);
  yield named('send_rank_count_cum_sum', reference.sendRankCountCumSum);
  yield named('send_rank_local_indices', reference.sendRankLocalIndices);
  yield named('recv_rank_count_cum_sum', reference.recvRankCountCumSum);
  yield named('recv_rank_local_indices', reference.recvRankLocalIndices);
  yield named('backward_recv_rank_local_indice', reference.backwardRecvRankLocalIndices);
}

function* expectLocalGather({ args, inputs }: LocalGatherCapture, call: Call): Generator<ExpectedBytes> {
  const reference = localGatherReference({ ...args, ...inputs });
  const named = expectNamed(call);
  yield named('local_expert_ids', reference.localExpertIds);
  yield named('local_scales', reference.localScalesBits);
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
    const allocation = allocationNamed(call, `output of rank ${rank}`);
    yield expectOutput(rank, allocation, reference.outputs[rank]!, outputRowStrideBytes);
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

const expectNamed =
  (call: Call) =>
  (tensor: string, expected: Int32Array): ExpectedBytes =>
    expectElements(tensor, allocationNamed(call, tensor), expected);

/** The buffers of a call are known by their names, which `setUpCall` gives them. */
function allocationNamed({ machine }: Call, name: string): Allocation {
  const found = machine.memory.space.allocations.find((allocation) => allocation.name === name);
  if (found === undefined) throw new Error(`[simtwin bug] the call has no buffer '${name}'`);
  return found;
}
