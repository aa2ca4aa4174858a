import { type Allocation, type MachineSnapshot, PAGE_BYTES } from '../simt/index.js';
import type { EngineSnapshot } from '../step/snapshot.js';

type SpaceCopy = MachineSnapshot['state']['memory'];
type AllocationCopy = SpaceCopy extends ReadonlyMap<Allocation, infer Copy> ? Copy : never;

/** Log2 of the pages of a chunk. */
const CHUNK_SHIFT = 6;
const PAGE_BITS_BYTES = PAGE_BYTES / 8;

/** Written pages of an allocation that lie near to each other, with their definedness. It never changes. */
export interface Chunk {
  /** Number: pages from `number << CHUNK_SHIFT` on. */
  readonly number: number;
  readonly pages: readonly number[];
  readonly bytes: Uint8Array;
  readonly bits: Uint8Array | null;
}

interface PackedCopy extends Pick<AllocationCopy, 'undefinedBytes' | 'freed'> {
  readonly chunks: readonly Chunk[];
  readonly hasBits: boolean;
}

/** A snapshot whose memory shares what is the same with that of another one. */
export interface PackedSnapshot {
  readonly steps: number;
  readonly snapshot: MachineSnapshot;
  readonly memory: ReadonlyMap<Allocation, PackedCopy>;
  /** Bytes that it shares with nobody, but for small change: the rows of threads. */
  readonly ownBytes: number;
}

/** Bytes of the memory that a snapshot copies. */
export function memoryBytes({ memory }: PackedSnapshot): number {
  let bytes = 0;
  for (const { chunks } of memory.values()) for (const chunk of chunks) bytes += chunkBytes(chunk);
  return bytes;
}

export const chunkBytes = ({ bytes, bits }: Chunk): number => bytes.length + (bits?.length ?? 0);

/** `neighbour`: a snapshot of the same run, whose chunks are used where they are equal. */
export function pack(snapshot: MachineSnapshot, neighbour: PackedSnapshot | undefined): PackedSnapshot {
  const { memory, engine } = snapshot.state;
  const packed = new Map<Allocation, PackedCopy>();
  for (const [allocation, copy] of memory) packed.set(allocation, packCopy(copy, neighbour?.memory.get(allocation)));
  let ownBytes = 0;
  for (const { rows, shared } of (engine as EngineSnapshot).blocks) {
    ownBytes += rows.byteLength + 2048;
    for (const { contents } of shared) ownBytes += contents.bytes.length + (contents.bits?.length ?? 0);
  }
  const rest = { ...snapshot, state: { ...snapshot.state, memory: new Map() } };
  return { steps: snapshot.steps, snapshot: rest, memory: packed, ownBytes };
}

/** The snapshot as the machine gave it. */
export function unpack({ snapshot, memory }: PackedSnapshot): MachineSnapshot {
  const unpacked = new Map(Array.from(memory, ([allocation, copy]) => [allocation, unpackCopy(copy)]));
  return { ...snapshot, state: { ...snapshot.state, memory: unpacked } };
}

function packCopy({ pages, bytes, bits, undefinedBytes, freed }: AllocationCopy, known?: PackedCopy): PackedCopy {
  const before = new Map((known?.chunks ?? []).map((chunk) => [chunk.number, chunk]));
  const chunks: Chunk[] = [];
  for (let first = 0; first < pages.length; ) {
    const number = pages[first]! >>> CHUNK_SHIFT;
    let end = first + 1;
    while (end < pages.length && pages[end]! >>> CHUNK_SHIFT === number) end++;
    const chunk: Chunk = {
      number,
      pages: pages.slice(first, end),
      bytes: bytes.subarray(first * PAGE_BYTES, end * PAGE_BYTES),
      bits: bits?.subarray(first * PAGE_BITS_BYTES, end * PAGE_BITS_BYTES) ?? null,
    };
    const old = before.get(number);
    // A part of the whole copy would keep all of it.
    chunks.push(
      old !== undefined && isSame(old, chunk)
        ? old
        : { ...chunk, bytes: chunk.bytes.slice(), bits: chunk.bits?.slice() ?? null },
    );
    first = end;
  }
  return { chunks, hasBits: bits !== null, undefinedBytes, freed };
}

function unpackCopy({ chunks, hasBits, undefinedBytes, freed }: PackedCopy): AllocationCopy {
  const pages = chunks.flatMap((chunk) => chunk.pages);
  const bytes = new Uint8Array(pages.length * PAGE_BYTES);
  const bits = hasBits ? new Uint8Array(pages.length * PAGE_BITS_BYTES) : null;
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk.bytes, at * PAGE_BYTES);
    if (chunk.bits !== null) bits?.set(chunk.bits, at * PAGE_BITS_BYTES);
    at += chunk.pages.length;
  }
  return { pages, bytes, bits, undefinedBytes, freed };
}

const isSame = (a: Chunk, b: Chunk): boolean =>
  a.pages.length === b.pages.length &&
  a.pages.every((page, index) => page === b.pages[index]) &&
  (a.bits === null) === (b.bits === null) &&
  (a.bits === null || isEqual(a.bits, b.bits!)) &&
  isEqual(a.bytes, b.bytes);

/** Domain: of one length, a multiple of 4; both begin at a multiple of 4. */
function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  const x = new Int32Array(a.buffer, a.byteOffset, a.length >>> 2);
  const y = new Int32Array(b.buffer, b.byteOffset, b.length >>> 2);
  for (let at = 0; at < x.length; at++) if (x[at] !== y[at]) return false;
  return true;
}
