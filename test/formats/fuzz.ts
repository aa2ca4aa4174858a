import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CaptureError, encodeSafetensors, type Tensor } from '../../src/capture/index.js';
import { readCallDescription } from '../../src/formats/call-description.js';
import { readAnyCapture } from '../../src/formats/index.js';
import { decodeTensorFile } from '../../src/formats/tensor-file.js';
import { Random } from '../../src/simt/index.js';
import { npyFile, npzFile } from './write-numpy.js';
import { Pickler, torchArchive, torchFile } from './write-torch.js';

/** A reader, and what is mutated for it. */
export interface FuzzTarget {
  readonly name: string;
  readonly valid: readonly Uint8Array[];
  readonly read: (bytes: Uint8Array) => Iterable<Tensor>;
}

/** What compressed members may inflate to beyond four times the file, here. */
const FREE_BYTES = 4096;
const MOST_MILLISECONDS = 2000;
const HOSTILE = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x28, 0x29, 0x52, 0x51, 0x63, 0x68, 0x6a, 0x72, 0x74, 0x75, 0x85, 0x93];

const ints = (count: number): Tensor => ({
  dtype: 'I32',
  shape: [count],
  bytes: Uint8Array.from({ length: 4 * count }, (_, index) => index % 4),
});
const tensors = new Map<string, Tensor>([
  ['a', ints(6)],
  ['b', { ...ints(6), shape: [2, 3] }],
]);
const transposed = new Map([['t', { ...ints(6), shape: [3, 2], strides: [1, 3] }]]);
const pickle = new Pickler().raw(0x7d, 0x28).text('a').tensor(ints(6), '0').text('n').int(7).raw(0x75).end();

const all = (bytes: Uint8Array): Tensor[] =>
  [...decodeTensorFile(bytes, 'fuzzed', FREE_BYTES).values()].map((read) => read());

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  { name: '.pt', valid: [torchFile(tensors), torchFile(transposed)], read: all },
  {
    name: 'the pickle of a .pt, with its checksum corrected',
    valid: [pickle],
    read: (bytes) => all(torchArchive(bytes, [['archive/data/0', ints(6).bytes]])),
  },
  { name: '.npz', valid: [npzFile(tensors), npzFile(tensors, true)], read: all },
  {
    name: '.npy',
    valid: [
      npyFile(ints(6)),
      npyFile({ ...ints(6), shape: [2, 3] }, "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }"),
    ],
    read: all,
  },
  { name: '.safetensors', valid: [encodeSafetensors({ metadata: { a: 'b' }, tensors })], read: all },
];

const writeNumbers = npzFile(new Map([['ids', ints(2)]]));
const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** Readers of text, which read files: `folder` is for these. */
export function fileTargets(folder: string): readonly FuzzTarget[] {
  const args = { max_token_count_per_rank: 1, expert_count: 1, top_k: 1, ep_rank: 0, ep_size: 2 };
  const call = { format: 'simt-call/1', op: 'moe_comm_prepare_indices', args, metadata: { device: 'x' } };
  const tensorsOf = { 'in/gathered_target_rank_ids': 'ids', 'in/x': { file: 'a.npz', name: 'ids' } };
  const scalars = Object.fromEntries(Object.entries(args).map(([name, value]) => [`kwarg_${name}`, value]));
  const record = { function_name: call.op, input_metadata: { arg_1: null, ...scalars }, versions: { flashinfer: '1' } };
  writeFileSync(join(folder, 'a.npz'), writeNumbers);
  writeFileSync(join(folder, 'inputs.pt'), torchFile(new Map([['arg_0', { ...ints(2), shape: [2, 1] }]])));
  const reader = (name: string, read: () => Iterable<Tensor>) => (bytes: Uint8Array) => {
    writeFileSync(join(folder, name), bytes);
    return read();
  };
  return [
    {
      name: '.call.json',
      valid: [text({ ...call, tensors: tensorsOf })],
      read: reader('a.call.json', () =>
        [...readCallDescription(join(folder, 'a.call.json')).tensors.values()].map(({ tensor }) => tensor),
      ),
    },
    {
      name: 'metadata.jsonl',
      valid: [text(record)],
      read: reader('metadata.jsonl', () => {
        readAnyCapture(folder);
        return [];
      }),
    },
  ];
}

/** Readers with a mistake that fuzzing must find. */
export const PLANTED: readonly FuzzTarget[] = [
  {
    ...FUZZ_TARGETS[3]!,
    name: 'a reader of .npy that trusts its data to be whole elements',
    read: (bytes) => {
      const trusted = new Int32Array(bytes.slice(-24).buffer);
      return [...FUZZ_TARGETS[3]!.read(bytes)].map((tensor) => ({ ...tensor, shape: [trusted.length] }));
    },
  },
  {
    ...FUZZ_TARGETS[3]!,
    name: 'a reader of .npy that allocates without a limit',
    read: (bytes) => {
      const [tensor] = [...FUZZ_TARGETS[3]!.read(bytes)];
      return [{ ...tensor!, bytes: new Uint8Array(2 ** 16) }];
    },
  },
  {
    ...FUZZ_TARGETS[1]!,
    name: 'a reader of pickles that trusts names to be UTF-8',
    read: (bytes) => {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 16));
      return FUZZ_TARGETS[1]!.read(bytes);
    },
  },
];

/** How often each ending came. */
export interface FuzzCounts {
  read: number;
  refused: number;
  slowestMs: number;
}

/**
 * Reads `count` mutated files. Each must be read, within bounded memory and time, or refused with a CaptureError of one line.
 * @throws whatever else a reader throws, with the seed of the input
 */
export function fuzz({ name, valid, read }: FuzzTarget, count: number, firstSeed = 0): FuzzCounts {
  const counts = { read: 0, refused: 0, slowestMs: 0 };
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const random = new Random(seed);
    const bytes = mutated(valid[random.nextBelow(valid.length)]!, random);
    const begin = performance.now();
    try {
      requireBounded(bytes, read(bytes));
      counts.read++;
    } catch (error) {
      const isRefusal = error instanceof CaptureError && /^(?:fuzzed|\/[^\n]*): [^\n]{1,2000}$/.test(error.message);
      if (!isRefusal) throw new Error(`${name}, seed ${seed}: ${String(error)}`, { cause: error });
      counts.refused++;
    }
    const milliseconds = performance.now() - begin;
    counts.slowestMs = Math.max(counts.slowestMs, milliseconds);
    if (milliseconds > MOST_MILLISECONDS) throw new Error(`${name}, seed ${seed}: took ${milliseconds} ms`);
  }
  return counts;
}

/** What is read and is no view of the file: what was inflated, and copies of at most as much again. */
function requireBounded(bytes: Uint8Array, read: Iterable<Tensor>): void {
  const own = [...read].filter((tensor) => tensor.bytes.buffer !== bytes.buffer);
  const allocated = own.reduce((sum, tensor) => sum + tensor.bytes.length, 0);
  // Pickles are put into an archive first, which is larger.
  const most = 8 * (bytes.length + 1024) + FREE_BYTES;
  if (allocated > most) throw new Error(`${allocated} bytes allocated for ${bytes.length}`);
}

function mutated(valid: Uint8Array, random: Random): Uint8Array {
  let bytes = valid.slice();
  for (let change = random.nextBelow(4); change >= 0 && bytes.length > 0; change--) {
    const at = random.nextBelow(bytes.length);
    const kind = random.nextBelow(8);
    if (kind === 0) bytes = bytes.slice(0, at);
    else if (kind === 1) bytes.copyWithin(at, random.nextBelow(bytes.length), random.nextBelow(bytes.length));
    else if (kind === 2) bytes.fill(0xff, at, at + 1 + random.nextBelow(8));
    else if (kind === 3)
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random.nextBelow(4))]);
    else if (kind === 4) bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(Math.max(0, at - 8))]);
    else if (kind === 5) bytes[at] = bytes[at]! ^ (1 << random.nextBelow(8));
    else if (kind === 6) bytes[at] = 0x30 + random.nextBelow(10);
    else bytes[at] = HOSTILE[random.nextBelow(HOSTILE.length)]!;
  }
  return bytes;
}
