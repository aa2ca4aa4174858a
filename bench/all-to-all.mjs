// An all-to-all set up straight on a machine: inputs exist once, and rows are compared where they lie.
import { createMachine, MoeCommHost, moeAllToAll } from 'simtwin';

const SIZEOF_U64 = 8;

/**
 * `tokens` vectors a rank, each to `topK` different ranks chosen by a fixed rule, in token order.
 * Result: the machine with everything queued, `again()` to queue the same call once more, `verify()` that throws unless
 * every row has arrived.
 */
export function setUpAllToAll({ epSize, tokens, topK, vectorBytes, usableSms, options }) {
  const targets = routes(epSize, tokens, topK);
  const host = new MoeCommHost({ multiProcessorCount: 132 });
  host.setMaxUsableSmCount(usableSms);
  const machine = createMachine(options);
  const { memory } = machine;
  const bytesPerRank = Number(host.getMoeCommWorkspaceSize(epSize));
  const strideBytes = Math.ceil(bytesPerRank / 2 ** 21) * 2 ** 21;
  const workspacePtr = memory.allocateSymmetric('workspace', 'u64', {
    ranks: epSize,
    bytesPerRank,
    strideBytes,
    zeroed: true,
  });
  const words = vectorBytes / SIZEOF_U64;
  const ranks = Array.from({ length: epSize }, (_, rank) => {
    const send = targets[rank];
    const receive = targets.map((lists) => lists[rank].length);
    const input = memory.allocate(`input of rank ${rank}`, 'u64', tokens * words, { zeroed: true });
    fill(input.allocation, rank);
    const received = receive.reduce((sum, count) => sum + count, 0);
    return {
      input,
      output: memory.allocate(`output of rank ${rank}`, 'u64', received * words),
      sendCumSum: memory.upload(
        `send_rank_cum_sum of rank ${rank}`,
        'i32',
        cumulative(send.map(({ length }) => length)),
      ),
      sendIndices: memory.upload(`send_indices of rank ${rank}`, 'i32', Int32Array.from(send.flat())),
      recvCumSum: memory.upload(`recv_rank_cum_sum of rank ${rank}`, 'i32', cumulative(receive)),
      recvIndices: memory.upload(
        `recv_indices of rank ${rank}`,
        'i32',
        Int32Array.from({ length: received }, (_, at) => at),
      ),
    };
  });
  const streams = ranks.map((_, rank) => machine.stream(rank));
  const again = () =>
    ranks.forEach(({ input, output, sendCumSum, sendIndices, recvCumSum, recvIndices }, epRank) => {
      moeAllToAll(
        host,
        {
          worldInfo: { epSize, epRank },
          vectorSizeInU64: words,
          sendDispls: {
            dataPtr: input,
            rankCountCumSum: sendCumSum,
            rankLocalIndices: sendIndices,
            vectorStrideInU64: words,
          },
          recvDispls: {
            dataPtr: output,
            rankCountCumSum: recvCumSum,
            rankLocalIndices: recvIndices,
            vectorStrideInU64: words,
          },
          workspace: { workspacePtr, rankStrideInU64: BigInt(strideBytes / SIZEOF_U64) },
        },
        streams[epRank],
      );
    });
  again();
  const packetsPerVector = Math.ceil(vectorBytes / host.constants.DATA_PAYLOAD_SIZE_PER_PACKET);
  const channels = host.getMoeCommChannelCount(epSize);
  return {
    machine,
    again,
    packets: epSize * tokens * topK * packetsPerVector,
    threads: epSize * Math.ceil(epSize / 8) * channels * 2 * 512,
    verify() {
      ranks.forEach(({ output }, rank) => {
        let row = 0;
        for (let from = 0; from < epSize; from++) {
          for (const token of targets[from][rank]) {
            compareRow(ranks[from].input.allocation, token, output.allocation, row++, vectorBytes / 4);
          }
        }
      });
    },
  };
}

/** By sending and receiving rank: the tokens, ascending. */
function routes(epSize, tokens, topK) {
  return Array.from({ length: epSize }, (_, rank) => {
    const lists = Array.from({ length: epSize }, () => []);
    for (let token = 0; token < tokens; token++) {
      for (let k = 0; k < topK; k++) lists[(token * 5 + rank + k * (1 + (token % 3))) % epSize].push(token);
    }
    return lists.map((list) => [...new Set(list)]);
  });
}

function cumulative(counts) {
  let sum = 0;
  return Int32Array.from(counts, (count) => {
    sum += count;
    return sum;
  });
}

function fill({ i32 }, rank) {
  let x = (rank + 1) * 0x9e3779b9;
  for (let at = 0; at < i32.length; at++) {
    x = (Math.imul(x, 0x915f77f5) + 1) | 0;
    i32[at] = x ^ (x >>> 15);
  }
}

function compareRow(source, row, target, targetRow, words) {
  const from = row * words;
  const to = targetRow * words;
  for (let at = 0; at < words; at++) {
    if (source.i32[from + at] !== target.i32[to + at]) throw new Error(`word ${at} of row ${targetRow} differs`);
  }
}
