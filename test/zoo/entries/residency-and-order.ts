import type { Kernel } from '../../../src/simt/index.js';
import { entry, launches, RANDOM, type SetUp, setUp, type ZooEntry } from '../entry.js';
import type { ZooArgs } from '../kernels/arguments.js';
import * as residency from '../kernels/residency-and-order.js';

/** Ranks share `queues` streams, in turn. */
const z38 = (queues: number): SetUp =>
  setUp({ ranks: 3, words: 9 }, (args, streams) => {
    for (let rank = 0; rank < 3; rank++) {
      const queue = streams[rank % queues]!;
      queue.launch(residency.z38, { grid: 1, block: 32 }, { rank, call: 0, ...args }, rank);
    }
  });

const z41 = (orders: readonly (readonly number[])[]): SetUp =>
  setUp({ ranks: 2, words: 4 }, (args, streams) => {
    for (const [rank, stream] of streams.entries()) {
      for (const [call, collective] of orders[rank]!.entries()) {
        stream.launch(residency.z41, { grid: 1, block: 32 }, { rank, call, ...args, collective });
      }
    }
  });

/** The ranks of each group. Rank 0 is in both. */
const Z42_GROUPS = [
  [0, 1],
  [0, 2],
] as const;

const z42 = (slotsOfGroup: number): SetUp =>
  setUp({ ranks: 3, words: 8 }, (args, _, machine) => {
    for (const [group, ranks] of Z42_GROUPS.entries()) {
      for (const [groupRank, rank] of ranks.entries()) {
        const peerGroupRank = 1 - groupRank;
        machine.stream(rank).launch(
          residency.z42,
          { grid: 1, block: 32 },
          {
            rank,
            call: 0,
            ...args,
            groupRank,
            peerGroupRank,
            peer: ranks[peerGroupRank]!,
            group,
            firstSlot: group * slotsOfGroup,
          },
        );
      }
    }
  });

const z43 = (kernel: Kernel<ZooArgs>, peer: 'late' | 'gone'): SetUp =>
  setUp({ ranks: 2, words: 1 }, (args, [here, there]) => {
    here!.launch(kernel, { grid: 1, block: 32 }, { rank: 0, call: 0, ...args });
    if (peer === 'gone') return;
    there!.launch(residency.z43SlowHost, { grid: 1, block: 32 }, { data: args.data });
    there!.launch(kernel, { grid: 1, block: 32 }, { rank: 1, call: 0, ...args });
  });

export const RESIDENCY_AND_ORDER: readonly ZooEntry[] = [
  entry({
    id: 'Z38',
    source: 'flashinfer tests/comm/test_trtllm_alltoall.py:532',
    what: 'a rank is queued on a hardware queue behind a rank that waits for it',
    detectors: ['deadlock'],
    buggy: z38(2),
    fixed: z38(3),
    output: [1, 2, 3, 1, 2, 3, 1, 2, 3],
  }),
  entry({
    id: 'Z40',
    source: 'cub#369',
    what: 'a barrier of a grid of which not all blocks are resident',
    detectors: ['deadlock'],
    residentBlocks: 2,
    buggy: launches(residency.z40, { grid: 4, words: 4 }),
    fixed: launches(residency.z40, { grid: 2, words: 4 }),
    output: [4, 3, 2, 1],
  }),
  entry({
    id: 'Z41',
    source: 'DeepEP#496',
    what: 'two collectives are launched in different orders on two ranks',
    detectors: ['deadlock'],
    buggy: z41([
      [0, 1],
      [1, 0],
    ]),
    fixed: z41([
      [0, 1],
      [0, 1],
    ]),
    output: [2, 1, 4, 3],
  }),
  entry({
    id: 'Z42',
    source: 'pytorch#192581',
    what: 'two groups of ranks use the same slots of a signal pad',
    detectors: ['deadlock', 'race'],
    schedules: RANDOM,
    buggy: z42(0),
    fixed: z42(2),
    output: [20, 10, 0, 0, 31, 11, 0, 0],
  }),
  entry({
    id: 'Z43',
    source: 'TensorRT-LLM#13404',
    what: 'a rank that is gone is waited for',
    // The twin: the rank is only late.
    detectors: ['deadlock'],
    buggy: z43(residency.z43, 'gone'),
    fixed: z43(residency.z43, 'late'),
    output: [1],
  }),
  entry({
    id: 'Z43b',
    source: 'TensorRT-LLM#17376',
    what: 'a limit on the wait gives up on a rank that is only late',
    detectors: ['schedule-dependent'],
    schedules: RANDOM,
    buggy: z43(residency.z43b, 'late'),
    fixed: z43(residency.z43, 'late'),
    output: [1],
  }),
];
