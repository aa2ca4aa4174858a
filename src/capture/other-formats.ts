const MAGIC_NUMBERS: readonly { readonly bytes: readonly number[]; readonly what: string }[] = [
  { bytes: [0x89, 0x50, 0x4e, 0x47], what: 'a PNG image' },
  { bytes: [0x50, 0x4b, 0x03, 0x04], what: 'a zip archive, such as .npz or .pt' },
  { bytes: [0x1f, 0x8b], what: 'a gzip file' },
  { bytes: [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], what: 'a NumPy array (.npy)' },
  { bytes: [0x7f, 0x45, 0x4c, 0x46], what: 'an ELF binary' },
  { bytes: [0x47, 0x47, 0x55, 0x46], what: 'a GGUF model' },
  { bytes: [0x25, 0x50, 0x44, 0x46], what: 'a PDF document' },
  { bytes: [0x80, 0x02, 0x8a], what: 'a Python pickle' },
];

const MAX_SAMPLE_BYTES = 256;

/** What a file that is not safetensors seems to be, judged by its first bytes; null if they say nothing. */
export function describeOtherFormat(bytes: Uint8Array): string | null {
  const magic = MAGIC_NUMBERS.find((candidate) => candidate.bytes.every((byte, index) => bytes[index] === byte));
  if (magic !== undefined) {
    return magic.what;
  }
  const sample = bytes.subarray(0, MAX_SAMPLE_BYTES);
  if (sample.length === 0 || !sample.every(isTextByte)) {
    return null;
  }
  return /^\s*[{[]/.test(new TextDecoder().decode(sample)) ? 'JSON text' : 'text';
}

function isTextByte(byte: number): boolean {
  return byte >= 0x20 ? byte !== 0x7f : byte === 0x09 || byte === 0x0a || byte === 0x0d;
}
