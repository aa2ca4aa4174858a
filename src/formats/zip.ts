import { inflateRawSync } from 'node:zlib';
import type { Allowance } from './allowance.js';
import { quoted, refusal } from './refusal.js';
import { readZipDirectory, type ZipMember } from './zip-directory.js';

const MOST_CHUNK_BYTES = 2 ** 20;

/**
 * A zip archive in memory. Stored members are views of it; deflated ones are inflated when read, to no more than their
 * declared size. Each is checked against its CRC-32.
 */
export class ZipArchive {
  readonly #bytes: Uint8Array;
  readonly #file: string;
  readonly #allowance: Allowance;
  readonly #members: ReadonlyMap<string, ZipMember>;
  readonly #read = new Map<string, Uint8Array>();

  /** @throws CaptureError if `bytes` is no sound archive */
  constructor(bytes: Uint8Array, file: string, allowance: Allowance) {
    this.#bytes = bytes;
    this.#file = file;
    this.#allowance = allowance;
    this.#members = new Map(readZipDirectory(bytes, file).map((member) => [member.name, member]));
  }

  get names(): readonly string[] {
    return [...this.#members.keys()];
  }

  /** The declared size of a member; null if there is none of that name. */
  sizeOf(name: string): number | null {
    return this.#members.get(name)?.sizeBytes ?? null;
  }

  /** @throws CaptureError if the member is missing, damaged, or inflates to more than is allowed or declared */
  read(name: string): Uint8Array {
    const before = this.#read.get(name);
    if (before !== undefined) return before;
    const member = this.#members.get(name);
    if (member === undefined) throw this.#damaged(`no member ${quoted(name)}`);
    const stored = this.#bytes.subarray(member.beginBytes, member.endBytes);
    const contents = member.isDeflated ? this.#inflate(stored, member) : stored;
    if (contents.length !== member.sizeBytes || crc32(contents) !== member.crc32) {
      throw this.#damaged(`the member ${quoted(name)} with other contents than its size and CRC-32 say`);
    }
    this.#read.set(name, contents);
    return contents;
  }

  #inflate(stored: Uint8Array, { name, sizeBytes }: ZipMember): Uint8Array {
    this.#allowance.takeInflated(sizeBytes, `the member ${quoted(name)} of ${stored.length} bytes`);
    try {
      const inflated = inflateRawSync(stored, {
        maxOutputLength: Math.max(1, sizeBytes),
        chunkSize: Math.min(MOST_CHUNK_BYTES, Math.max(64, sizeBytes)),
      });
      return new Uint8Array(inflated.buffer, inflated.byteOffset, inflated.byteLength);
    } catch {
      throw this.#damaged(`the member ${quoted(name)}, which does not inflate to its ${sizeBytes} bytes`);
    }
  }

  #damaged(found: string): Error {
    return refusal(this.#file, {
      found,
      expected: 'an archive as torch.save or numpy.savez writes it',
      wayOut: 'copy or save the file once more',
    });
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** The checksum of zip and gzip. Node's own comes with 20.15 only. */
function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (let index = 0; index < bytes.length; index++) {
    value = CRC_TABLE[(value ^ bytes[index]!) & 0xff]! ^ (value >>> 8);
  }
  return (value ^ 0xffffffff) >>> 0;
}
