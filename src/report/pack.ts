/** Typed arrays that a report may hold. */
const ARRAYS = { Uint8Array, Int32Array, Uint32Array, Float64Array } as const;
type ArrayName = keyof typeof ARRAYS;
/** `as`: the elements are integers of 32 bits, and are written as such. */
type PackedArray = { readonly packed: ArrayName; readonly as: ArrayName; readonly base64: string };

/** Characters of a string are given to `String.fromCharCode` in so many pieces. */
const CHUNK_BYTES = 0x6000;

/**
 * A value as JSON that may stand in a `script` element of HTML, whatever its strings hold. Typed arrays are base64, in
 * this machine's byte order, which is that of every browser: little-endian.
 */
export function packReport(value: unknown): string {
  const text = JSON.stringify(value, (_key, member: unknown) => {
    if (!ArrayBuffer.isView(member)) return member;
    const name = member.constructor.name as ArrayName;
    if (!(name in ARRAYS))
      throw new TypeError(`a ${name} in a report: packReport has ${Object.keys(ARRAYS).join(', ')}`);
    const isNarrow = member instanceof Float64Array && member.every((value) => Object.is(value, value | 0));
    const { buffer, byteOffset, byteLength } = isNarrow ? Int32Array.from(member) : member;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    return { packed: name, as: isNarrow ? 'Int32Array' : name, base64: base64Of(bytes) } satisfies PackedArray;
  });
  // Neither an end tag nor a comment can begin without it.
  return text.replaceAll('<', '\\u003c');
}

/** What {@link packReport} was given. */
export const unpackReport = (text: string): unknown => unpacked(JSON.parse(text));

/** A value with the typed arrays in place of what stands for them. */
function unpacked(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(unpacked);
  if (!('packed' in value)) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, unpacked(member)]));
  }
  const { packed, as, base64 } = value as PackedArray;
  const array = new ARRAYS[as](bytesOf(base64).buffer);
  return packed === as ? array : ARRAYS[packed].from(array);
}

function base64Of(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    parts.push(btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES))));
  }
  return parts.join('');
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
