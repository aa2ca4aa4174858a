import type { Kernel } from '../../../src/simt/index.js';
import { entry, RANDOM, range, type SetUp, setUp, twins, type ZooEntry } from '../entry.js';
import * as arithmetic from '../kernels/arithmetic-and-layout.js';

const Z44_ROW = 448_000;
const Z44_STRIDE = 7168;

const z44 = (kernel: Kernel<arithmetic.Z44Args>): SetUp =>
  setUp({ words: 32, data: range(32, (index) => index + 1) }, ({ data, output }, [stream]) => {
    const rows = data.add(-Z44_ROW * Z44_STRIDE);
    stream!.launch(kernel, { grid: 1, block: 32 }, { rows, row: Z44_ROW, stride: Z44_STRIDE, output });
  });

const Z45_RANKS = 4;
const Z45_LAYERS = 3;

const z45 = (kernel: Kernel<arithmetic.Z45Args>): SetUp =>
  setUp({ words: Z45_LAYERS, data: range(12, (index) => 100 + index) }, ({ data, output }, [stream], { memory }) => {
    const table = memory.upload('table', 'u32', Uint32Array.from(range(Z45_RANKS * Z45_LAYERS, (index) => index)));
    stream!.launch(kernel, { grid: 1, block: Z45_LAYERS }, { table, worldSize: Z45_RANKS, rank: 1, data, output });
  });

const z46 = (kernel: Kernel<arithmetic.Z46Args>): SetUp =>
  setUp({ words: 8 }, ({ data, output }, [stream], { memory }) => {
    memory.write(data, Uint32Array.from(range(16, (index) => index)));
    stream!.launch(kernel, { grid: 1, block: 2 }, { stages: data, words: 6, output });
  });

const z47 = (kernel: Kernel<arithmetic.Z47Args>): SetUp =>
  setUp({ words: 64, data: range(50, (row) => row % 8) }, ({ data, output }, [stream]) => {
    stream!.launch(kernel, { grid: 1, block: 64 }, { expertIds: data, validRows: 50, output });
  });

export const ARITHMETIC_AND_LAYOUT: readonly ZooEntry[] = [
  entry({
    id: 'Z44',
    source: 'sglang#4727',
    what: 'the product of a row and a stride wraps',
    detectors: ['overflow', 'out of bounds'],
    buggy: z44(arithmetic.z44),
    fixed: z44(arithmetic.z44Fixed),
    output: range(32, (index) => index + 1),
  }),
  entry({
    id: 'Z45',
    source: 'flashinfer#3903',
    what: 'host and kernel do not agree on the stride of a table of pointers',
    detectors: ['out of bounds'],
    buggy: z45(arithmetic.z45),
    fixed: z45(arithmetic.z45Fixed),
    output: [101, 105, 109],
  }),
  entry({
    id: 'Z46',
    source: 'flashinfer#4473',
    what: 'the second stage is not aligned to a wide access',
    detectors: ['misaligned'],
    buggy: z46(arithmetic.z46),
    fixed: z46(arithmetic.z46Fixed),
    output: [0, 1, 2, 3, 8, 9, 10, 11],
  }),
  entry({
    id: 'Z47',
    source: 'sglang#24850',
    what: 'rows that fill a tile up have expert ids that nobody wrote',
    detectors: ['undefined'],
    buggy: z47(arithmetic.z47),
    fixed: z47(arithmetic.z47Fixed),
    output: range(64, (row) => (row < 50 ? (row % 8) + 1 : 0)),
  }),
  entry({
    id: 'Z48',
    source: 'sglang#33511',
    what: 'the order of atomics decides where items go',
    detectors: ['schedule-dependent'],
    schedules: RANDOM,
    ...twins(arithmetic.z48, arithmetic.z48Fixed, { block: 128, words: 64 }),
    output: range(64, (slot) => 2 * slot + 1),
  }),
];
