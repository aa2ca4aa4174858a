import type { Kernel, Machine, Pointer } from '../../../src/simt/index.js';
import { entry, RANDOM, randomSchedules, range, type SetUp, setUp, twins, type ZooEntry } from '../entry.js';
import type { ZooArgs } from '../kernels/arguments.js';
import * as fifo from '../kernels/fifo-and-flags.js';

const z03 = (scan: Kernel<fifo.Z03ScanArgs>, target: number): SetUp => {
  const counts = range(40, (index) => 1 + (index % 3));
  return setUp({ ranks: 2, words: 3 }, (args, streams, { memory }) => {
    for (const [rank, stream] of streams.entries()) {
      const sums = memory.upload(`sums of rank ${rank}`, 'i32', Int32Array.from(counts));
      stream.launch(scan, { grid: 1, block: 32 }, { n: counts.length, counts: sums });
      const transfer = { rank, call: 1, ...args, sums, target, expected: counts[target]! };
      stream.launch(fifo.z03Transfer, { grid: 1, block: 32 }, transfer);
    }
  });
};

const z04 = (isSideAwaited: boolean): SetUp =>
  setUp({ words: 64 }, (args, [main], machine) => {
    const side = isSideAwaited ? main! : machine.stream();
    side.launch(fifo.z04Write, { grid: 1, block: 64 }, { rank: 0, call: 0, ...args });
    main!.launch(fifo.z04Read, { grid: 1, block: 64 }, { rank: 0, call: 1, ...args });
  });

const Z05_STRIDE = 8;

const z05 = (workspaceOf: (machine: Machine) => (rank: number) => Pointer<'u32'>, isKept = true): SetUp =>
  setUp({ ranks: 2, words: 2 }, (args, streams, machine) => {
    const ofRank = workspaceOf(machine);
    for (const [rank, stream] of streams.entries()) {
      const workspace = ofRank(rank);
      stream.launch(fifo.z05, { grid: 1, block: 32 }, { rank, call: 0, ...args, workspace, stride: Z05_STRIDE });
    }
    if (!isKept) machine.memory.free(ofRank(0));
  });

/** Zeros that cover all ranks, for each rank again. */
const zerosOfEachRank =
  ({ memory }: Machine) =>
  (rank: number): Pointer<'u32'> =>
    memory.allocate(`zeros of rank ${rank}`, 'u32', 2 * Z05_STRIDE, { zeroed: true });

/** One mapping that all ranks have. */
const mappingOfAllRanks = ({ memory }: Machine): ((rank: number) => Pointer<'u32'>) => {
  const workspace = memory.allocate('workspace', 'u32', 2 * Z05_STRIDE, { zeroed: true });
  return () => workspace;
};

const z10 = (zeroesFirst: boolean): SetUp =>
  setUp({ ranks: 2, words: 2 }, (args, streams, { memory }) => {
    const signals = memory.allocate('signals', 'u32', 2);
    for (const [rank, stream] of streams.entries()) {
      if (zeroesFirst) stream.memset(signals.add(rank), 0, 4);
      stream.launch(fifo.z10ExchangeHandles, { grid: 1, block: 32 }, { rank, call: 0, ...args });
      if (!zeroesFirst) stream.memset(signals.add(rank), 0, 4);
      stream.launch(fifo.z10Signal, { grid: 1, block: 32 }, { rank, call: 1, ...args, signals });
    }
  });

/** The grids of the one-shot and the two-shot kernel. */
const Z12_GRIDS = [2, 4];

const z12 = (kernel: Kernel<fifo.Z12Args>, isShared: boolean): SetUp =>
  setUp({ words: 8 }, (args, [stream]) => {
    for (const [call, grid] of Z12_GRIDS.entries()) {
      const counting = isShared
        ? { counter: args.flags, round: call + 1 }
        : { counter: args.flags.add(call), round: 1 };
      stream!.launch(kernel, { grid, block: 32 }, { rank: 0, call, ...args, ...counting });
    }
  });

const z14 = (kernel: Kernel<ZooArgs>): SetUp =>
  setUp({ words: 64 }, (args, [stream], machine) => {
    stream!.launch(kernel, { grid: 1, block: 64 }, { rank: 0, call: 0, ...args });
    machine.stream().launch(fifo.z14Next, { grid: 1, block: 64 }, { rank: 0, call: 1, ...args });
  });

const z15 = (isOneStream: boolean): SetUp =>
  setUp({ words: 128 }, (args, [stream], machine) => {
    const other = isOneStream ? stream! : machine.stream();
    const halves = [args.data, args.data.add(64)] as const;
    const dims = { grid: 1, block: 64 };
    stream!.launch(fifo.z15, dims, { rank: 0, call: 0, ...args, used: halves[0], cleaned: halves[1] });
    other.launch(fifo.z15, dims, { rank: 0, call: 1, ...args, used: halves[1], cleaned: halves[0] });
  });

const Z16_GRIDS = [1, 2, 1];

const z16 = (kernel: Kernel<fifo.Z16Args>): SetUp =>
  setUp({ ranks: 2, words: 12 }, (args, streams, { memory }) => {
    for (const [rank, stream] of streams.entries()) {
      const epochs = memory.allocate(`epochs of rank ${rank}`, 'u32', 2, { zeroed: true });
      for (const [call, grid] of Z16_GRIDS.entries()) {
        stream.launch(kernel, { grid, block: 32 }, { rank, call, ...args, epochs });
      }
    }
  });

export const FIFO_AND_FLAGS: readonly ZooEntry[] = [
  entry({
    id: 'Z01',
    source: 'flashinfer#4092',
    what: 'the last step of a FIFO is published before slower warps have written theirs',
    detectors: ['race', 'schedule-dependent'],
    schedules: RANDOM,
    ...twins(fifo.z01, fifo.z01Fixed, { ranks: 2, block: 128, words: 128 }),
    output: range(128, (index) => index + 1),
  }),
  entry({
    id: 'Z02',
    source: 'flashinfer#3371',
    what: 'a block has several tokens and counts once',
    detectors: ['deadlock'],
    ...twins(fifo.z02, fifo.z02Fixed, { ranks: 2, grid: 2, block: 128, words: 16 }),
    output: range(16, (index) => 1 + (index % 8)),
  }),
  entry({
    id: 'Z03',
    source: 'TensorRT-LLM#18799',
    what: 'one scan as wide as the block leaves raw counts behind it',
    detectors: ['deadlock'],
    buggy: z03(fifo.z03Scan, 35),
    fixed: z03(fifo.z03ScanFixed, 35),
    output: [1, 2, 3],
  }),
  entry({
    id: 'Z03b',
    source: 'TensorRT-LLM#18799',
    what: 'as Z03, where the raw counts fall: less than no packets are to be sent',
    detectors: ['livelock'],
    buggy: z03(fifo.z03Scan, 36),
    fixed: z03(fifo.z03ScanFixed, 36),
    output: [1, 0, 0],
  }),
  entry({
    id: 'Z04',
    source: 'flashinfer#1841',
    what: 'the stream that reads does not wait for the one that writes',
    detectors: ['race', 'schedule-dependent'],
    schedules: RANDOM,
    buggy: z04(false),
    fixed: z04(true),
    output: range(64, (index) => index + 1),
  }),
  entry({
    id: 'Z05',
    source: 'flashinfer#3210',
    what: 'every rank has a workspace of its own, so a FIFO of a peer is memory that no peer reads',
    detectors: ['deadlock'],
    buggy: z05(zerosOfEachRank),
    fixed: z05(mappingOfAllRanks),
    output: [2, 1],
  }),
  entry({
    id: 'Z05b',
    source: 'flashinfer#3210',
    what: 'nobody keeps the workspace alive until the kernel runs',
    detectors: ['out of bounds'],
    buggy: z05(mappingOfAllRanks, false),
    fixed: z05(mappingOfAllRanks),
    output: [2, 1],
  }),
  entry({
    id: 'Z06',
    source: 'flashinfer#2247',
    what: 'a rank without tokens leaves before it has set its flags',
    detectors: ['deadlock'],
    ...twins(fifo.z06, fifo.z06Fixed, { ranks: 2, words: 2 }),
    output: [0, 4],
  }),
  entry({
    id: 'Z07',
    source: 'flashinfer#3304',
    what: 'a sentinel of -0.0 is compared as a float, and a subnormal is equal to it',
    detectors: ['deadlock'],
    ...twins(fifo.z07, fifo.z07Fixed, { ranks: 2, words: 1, data: [0x80000000] }),
    output: [1],
  }),
  entry({
    id: 'Z08',
    source: 'flashinfer#3615',
    what: 'the leading block resets the arrival counter while another still polls it',
    detectors: ['deadlock', 'race'],
    schedules: RANDOM,
    ...twins(fifo.z08, fifo.z08Fixed, { grid: 3, calls: 2, words: 6 }),
    output: [2, 3, 1, 5, 6, 4],
  }),
  entry({
    id: 'Z09',
    source: 'ROCm/mori#494',
    what: 'the clearing of call N lands after the setting of call N+1',
    detectors: ['deadlock'],
    schedules: RANDOM,
    memory: {
      mode: 'delayed stores',
      detectors: ['deadlock'],
      why: 'the two stores may also come from one rank, and overtake each other',
    },
    ...twins(fifo.z09, fifo.z09Fixed, { ranks: 2, calls: 3, words: 6 }),
    output: [2, 1, 4, 3, 6, 5],
  }),
  entry({
    id: 'Z10',
    source: 'apache/tvm#16797',
    what: 'the signal pad is zeroed after the handles are exchanged',
    detectors: ['deadlock'],
    schedules: RANDOM,
    buggy: z10(false),
    fixed: z10(true),
    output: [1, 1],
  }),
  entry({
    id: 'Z11',
    source: 'vllm#8410',
    what: 'consecutive barriers use one counter',
    detectors: ['deadlock'],
    schedules: RANDOM,
    ...twins(fifo.z11, fifo.z11Fixed, { ranks: 2, words: 2 }),
    output: [2, 1],
  }),
  entry({
    id: 'Z11b',
    source: 'aiter#4786',
    what: 'the scope of a flag between ranks is one device',
    detectors: ['race'],
    ...twins(fifo.z11b, fifo.z11bFixed, { ranks: 2, words: 2 }),
    output: [2, 1],
  }),
  entry({
    id: 'Z12',
    source: 'lightseekorg/tokenspeed#351',
    what: 'flags neither release nor acquire, and kernels with different grids share one counter',
    detectors: ['deadlock', 'race'],
    buggy: z12(fifo.z12, true),
    fixed: z12(fifo.z12Fixed, false),
    output: [0, 0, 2, 1, 2, 3, 4, 1],
  }),
  entry({
    id: 'Z13',
    source: 'nvshmem#84',
    what: 'a later chunk satisfies the wait for an earlier one',
    detectors: ['race', 'schedule-dependent'],
    schedules: RANDOM,
    memory: {
      mode: 'delayed stores',
      detectors: ['schedule-dependent'],
      why: 'the chunks may also come from one thread, over a network that delivers in any order',
    },
    ...twins(fifo.z13, fifo.z13Fixed, { ranks: 2, grid: 2, words: 64 }),
    output: range(64, (index) => index + 1),
  }),
  entry({
    id: 'Z14',
    source: 'TensorRT-LLM#14066',
    what: 'a kernel lets the next one begin before it has stored what that reads',
    detectors: ['race', 'schedule-dependent'],
    schedules: RANDOM,
    buggy: z14(fifo.z14),
    fixed: z14(fifo.z14Fixed),
    output: range(64, (index) => index + 1),
  }),
  entry({
    id: 'Z15',
    source: 'DeepEP#580',
    what: 'a kernel cleans the buffer that a kernel on another stream uses',
    detectors: ['race', 'schedule-dependent'],
    schedules: RANDOM,
    buggy: z15(false),
    fixed: z15(true),
    output: range(128, (index) => 1 + ((index + 32) % 64)),
  }),
  entry({
    id: 'Z16',
    source: 'flashinfer tests/comm/test_pcie_ipc_cross_island_race.py',
    what: 'blocks count their own calls to choose a buffer, and the grid changes',
    detectors: ['deadlock'],
    schedules: RANDOM,
    buggy: z16(fifo.z16),
    fixed: z16(fifo.z16Fixed),
    output: range(12, (index) => {
      const call = Math.floor(index / 4);
      return 200 * call + 12 + 2 * (index % 2);
    }),
  }),
  entry({
    id: 'Z17',
    source: 'nccl#786',
    what: 'the flag of a line is seen before the data of its other lanes',
    detectors: ['schedule-dependent'],
    schedules: ['rr', ...randomSchedules(20, ',granule=1')],
    memory: {
      mode: 'granule=1',
      detectors: ['schedule-dependent'],
      why: 'with whole lines only granule=1, in which no two lanes store together, tears them',
    },
    ...twins(fifo.z17, fifo.z17Fixed, { ranks: 2, words: 24 }),
    output: range(24, (index) => 4 * Math.floor(index / 3) + (index % 3) + 1),
  }),
  entry({
    id: 'Z18',
    source: 'vllm#26026',
    what: 'a path for empty tiles arrives at a barrier, does not wait, and arrives again',
    detectors: ['deadlock'],
    schedules: RANDOM,
    ...twins(fifo.z18, fifo.z18Fixed, { block: 64, words: 6 }),
    output: [1, 0, 2, 0, 3, 3],
  }),
  entry({
    id: 'Z19',
    source: 'ROCm/mori#428',
    what: 'two updates of a doorbell are each a load and a store, and one is lost',
    detectors: ['deadlock'],
    schedules: RANDOM,
    ...twins(fifo.z19, fifo.z19Fixed, { grid: 3, words: 1 }),
    output: [2],
  }),
];
