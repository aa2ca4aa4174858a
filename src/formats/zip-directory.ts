import { quoted, refusal } from './refusal.js';

/** A member of a zip archive, by the archive's directory and the member's own header. */
export interface ZipMember {
  readonly name: string;
  readonly isDeflated: boolean;
  readonly crc32: number;
  readonly sizeBytes: number;
  /** Where its bytes are in the file, as they are stored. */
  readonly beginBytes: number;
  readonly endBytes: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const MOST_COMMENT_BYTES = 0xffff;
const ZIP64_FIELD = 1;
const IN_ZIP64 = 0xffffffff;
/** Encrypted, with strong encryption, with an encrypted directory. */
const ENCRYPTED_FLAGS = 0x2041;
const MOST_MEMBERS = 65_536;

/**
 * The members of a zip archive, in the order of their bytes.
 *
 * Stricter than the format: names are UTF-8, relative, and all different; members do not overlap each other, the
 * directory or the file's end; only stored and deflated ones, in one file; no encryption. Nothing is inflated.
 * @throws CaptureError if `bytes` is anything else
 * Source: PKWARE APPNOTE 6.3.10, 4.3.7 (local header), 4.3.12 (directory), 4.3.14-16 (end records), 4.5.3 (zip64).
 */
export function readZipDirectory(bytes: Uint8Array, file: string): readonly ZipMember[] {
  return new DirectoryReader(bytes, file).read();
}

class DirectoryReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string;

  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
  }

  read(): readonly ZipMember[] {
    const { count, beginBytes, endBytes } = this.#readEnd();
    const members: (ZipMember & { readonly headerBytes: number })[] = [];
    const names = new Set<string>();
    let at = beginBytes;
    for (let index = 0; index < count; index++) {
      if (at + ENTRY_BYTES > endBytes || this.#u32(at) !== ENTRY_SIGNATURE) {
        throw this.#damaged(`${index} of ${count} members in the directory`);
      }
      const tailBytes = this.#u16(at + 28) + this.#u16(at + 30) + this.#u16(at + 32);
      if (at + ENTRY_BYTES + tailBytes > endBytes) throw this.#damaged('a directory that is cut short');
      const member = this.#readEntry(at, beginBytes);
      if (names.has(member.name)) throw this.#damaged(`the member ${quoted(member.name)} twice`);
      names.add(member.name);
      members.push(member);
      at += ENTRY_BYTES + tailBytes;
    }
    if (at !== endBytes) throw this.#damaged(`${endBytes - at} bytes behind the directory's last member`);

    members.sort((a, b) => a.headerBytes - b.headerBytes);
    let usedBytes = 0;
    for (const { name, headerBytes, endBytes: memberEnd } of members) {
      if (headerBytes < usedBytes) throw this.#damaged(`the member ${quoted(name)} inside another one`);
      usedBytes = memberEnd;
    }
    return members;
  }

  #readEnd(): { readonly count: number; readonly beginBytes: number; readonly endBytes: number } {
    const at = this.#findEnd();
    let directoryEnd = at;
    let count = this.#u16(at + 10);
    let sizeBytes = this.#u32(at + 12);
    let beginBytes = this.#u32(at + 16);
    const locator = at - LOCATOR_BYTES;
    if (locator >= 0 && this.#u32(locator) === LOCATOR_SIGNATURE) {
      const end64 = this.#u64(locator + 8);
      if (end64 + END64_BYTES > locator || this.#u32(end64) !== END64_SIGNATURE) {
        throw this.#damaged('a zip64 end record that is not where it should be');
      }
      directoryEnd = end64;
      count = this.#u64(end64 + 32);
      sizeBytes = this.#u64(end64 + 40);
      beginBytes = this.#u64(end64 + 48);
    }
    if (beginBytes + sizeBytes !== directoryEnd) {
      throw this.#damaged(`a directory of ${sizeBytes} bytes at ${beginBytes}, which does not end at ${directoryEnd}`);
    }
    if (count > MOST_MEMBERS || count * ENTRY_BYTES > sizeBytes) {
      throw this.#damaged(`${count} members in a directory of ${sizeBytes} bytes (at most ${MOST_MEMBERS} are read)`);
    }
    return { count, beginBytes, endBytes: directoryEnd };
  }

  #findEnd(): number {
    const last = this.#bytes.length - END_BYTES;
    for (let at = last; at >= 0 && at >= last - MOST_COMMENT_BYTES; at--) {
      if (this.#u32(at) === END_SIGNATURE && at + END_BYTES + this.#u16(at + 20) === this.#bytes.length) return at;
    }
    throw this.#damaged('no directory at its end');
  }

  #readEntry(at: number, directoryBegin: number): ZipMember & { readonly headerBytes: number } {
    const flags = this.#u16(at + 8);
    const method = this.#u16(at + 10);
    const nameBytes = this.#bytes.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + this.#u16(at + 28));
    const name = this.#readName(nameBytes);
    if ((flags & ENCRYPTED_FLAGS) !== 0) throw this.#damaged(`the member ${quoted(name)}, which is encrypted`);
    if (method !== 0 && method !== 8) {
      throw this.#damaged(`the member ${quoted(name)} with compression method ${method}`);
    }
    const wide = this.#zip64Field(at);
    const take = (value: number): number => (value === IN_ZIP64 ? (wide.shift() ?? value) : value);
    const sizeBytes = take(this.#u32(at + 24));
    const storedBytes = take(this.#u32(at + 20));
    const headerBytes = take(this.#u32(at + 42));
    if (method === 0 && sizeBytes !== storedBytes) {
      throw this.#damaged(`the member ${quoted(name)} stored in ${storedBytes} bytes, but of ${sizeBytes}`);
    }
    if (headerBytes + LOCAL_BYTES > directoryBegin || this.#u32(headerBytes) !== LOCAL_SIGNATURE) {
      throw this.#damaged(`no header of the member ${quoted(name)} at byte ${headerBytes}`);
    }
    const localNameBytes = this.#u16(headerBytes + 26);
    const localName = this.#bytes.subarray(headerBytes + LOCAL_BYTES, headerBytes + LOCAL_BYTES + localNameBytes);
    if (localNameBytes !== nameBytes.length || localName.some((byte, index) => byte !== nameBytes[index])) {
      throw this.#damaged(`the member ${quoted(name)} under another name in its own header`);
    }
    const beginBytes = headerBytes + LOCAL_BYTES + localNameBytes + this.#u16(headerBytes + 28);
    const endBytes = beginBytes + storedBytes;
    if (endBytes > directoryBegin) throw this.#damaged(`the member ${quoted(name)}, which ends beyond the last one`);
    return { name, isDeflated: method === 8, crc32: this.#u32(at + 16), sizeBytes, beginBytes, endBytes, headerBytes };
  }

  /** The 64-bit numbers of an entry, in their order: size, stored size, offset, as far as each is needed. */
  #zip64Field(at: number): number[] {
    let field = at + ENTRY_BYTES + this.#u16(at + 28);
    const end = field + this.#u16(at + 30);
    while (field + 4 <= end) {
      const sizeBytes = this.#u16(field + 2);
      if (this.#u16(field) === ZIP64_FIELD && field + 4 + sizeBytes <= end) {
        const count = Math.min(3, Math.floor(sizeBytes / 8));
        return Array.from({ length: count }, (_, index) => this.#u64(field + 4 + 8 * index));
      }
      field += 4 + sizeBytes;
    }
    return [];
  }

  #readName(nameBytes: Uint8Array): string {
    let name: string;
    try {
      name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(nameBytes);
    } catch {
      throw this.#damaged('a member whose name is not UTF-8');
    }
    const isRelative = !/^[/]|[\\\0]|^[A-Za-z]:/.test(name) && !name.split('/').includes('..');
    if (name === '' || !isRelative) throw this.#damaged(`a member with the name ${quoted(name)}`);
    return name;
  }

  #u16(at: number): number {
    return this.#view.getUint16(at, true);
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  /** Beyond 2^53 only about right, which no file's offset is. */
  #u64(at: number): number {
    return this.#u32(at) + this.#u32(at + 4) * 2 ** 32;
  }

  #damaged(found: string): Error {
    return refusal(this.#file, {
      found,
      expected: 'a whole zip archive with stored or deflated members, as torch.save and numpy.savez write them',
      wayOut: 'copy or save the file once more',
    });
  }
}
