import { CaptureError, counted, quote } from './capture-error.js';
import { describe, type JsonValue, membersOf, parseJsonObject } from './json.js';
import { describeOtherFormat } from './other-formats.js';

/** The bytes of one element. */
export const DTYPE_SIZE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

/** The element types of safetensors whose elements are whole bytes. */
export type Dtype = keyof typeof DTYPE_SIZE_BYTES;

/** One tensor. `bytes` is little-endian, row-major, and exactly as long as `dtype` and `shape` say. */
export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A whole safetensors file. The tensors are in the order of their bytes. */
export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

interface PlacedTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly beginBytes: number;
  readonly endBytes: number;
}

const METADATA_NAME = '__metadata__';
const LENGTH_FIELD_BYTES = 8;
const MAX_HEADER_BYTES = 100_000_000;
const UNWRITTEN = 'safetensors to encode';

/**
 * Reads a safetensors file and refuses every one whose header and size do not agree to the byte.
 *
 * The tensors are views of `bytes`, not copies: neither may be written afterwards.
 *
 * @param file the name of the file, for errors
 * @throws CaptureError if `bytes` is not safetensors, or if its header has a name twice, an unknown dtype, a wrong
 * shape, or offsets that leave the file, overlap, or leave bytes unused
 * Source: the format description and the limits of the reference reader, github.com/huggingface/safetensors.
 */
export function decodeSafetensors(bytes: Uint8Array, file: string): SafetensorsFile {
  // A Buffer would hand out Buffers as views.
  const whole = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = readHeaderLength(whole, file);
  const data = whole.subarray(LENGTH_FIELD_BYTES + headerBytes);
  const header = readHeader(whole.subarray(LENGTH_FIELD_BYTES, LENGTH_FIELD_BYTES + headerBytes), file);

  const placed: PlacedTensor[] = [];
  for (const [name, entry] of header) {
    if (name !== METADATA_NAME) {
      placed.push(readEntry(name, entry, data.length, file));
    }
  }
  placed.sort((a, b) => a.beginBytes - b.beginBytes || a.endBytes - b.endBytes);
  checkPlacement(placed, data.length, file);

  const tensors = new Map<string, Tensor>();
  for (const { name, dtype, shape, beginBytes, endBytes } of placed) {
    tensors.set(name, { dtype, shape, bytes: data.subarray(beginBytes, endBytes) });
  }
  return { metadata: readMetadata(header.get(METADATA_NAME), file), tensors };
}

/**
 * Writes a safetensors file. Equal input, in equal order, gives equal bytes.
 *
 * The header is padded with spaces to a multiple of 8 bytes; the tensors follow in the order of the map.
 *
 * @throws CaptureError if a tensor's bytes do not fit its dtype and shape, its name is reserved, or the header exceeds
 * 100 MB
 */
export function encodeSafetensors({ metadata, tensors }: SafetensorsFile): Uint8Array {
  const members: string[] = [];
  if (Object.keys(metadata).length > 0) {
    members.push(`"${METADATA_NAME}":${JSON.stringify(metadata)}`);
  }
  let dataBytes = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    if (name === METADATA_NAME) {
      throw new CaptureError(UNWRITTEN, name, 'has the name that is reserved for the metadata');
    }
    checkSize(name, dtype, shape, bytes.length, 'bytes', UNWRITTEN);
    const entry = { dtype, shape, data_offsets: [dataBytes, dataBytes + bytes.length] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    dataBytes += bytes.length;
  }

  const header = new TextEncoder().encode(`{${members.join(',')}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    const problem = `the header must be at most ${MAX_HEADER_BYTES} bytes, but would be ${headerBytes}`;
    throw new CaptureError(UNWRITTEN, null, problem);
  }
  const result = new Uint8Array(LENGTH_FIELD_BYTES + headerBytes + dataBytes);
  new DataView(result.buffer).setUint32(0, headerBytes, true);
  result.fill(0x20, LENGTH_FIELD_BYTES, LENGTH_FIELD_BYTES + headerBytes);
  result.set(header, LENGTH_FIELD_BYTES);
  let position = LENGTH_FIELD_BYTES + headerBytes;
  for (const { bytes } of tensors.values()) {
    result.set(bytes, position);
    position += bytes.length;
  }
  return result;
}

function readHeaderLength(whole: Uint8Array, file: string): number {
  const otherFormat = describeOtherFormat(whole);
  if (whole.length < LENGTH_FIELD_BYTES) {
    const found = `it has ${counted(whole.length, 'byte')}${otherFormat === null ? '' : ` (${otherFormat})`}`;
    throw new CaptureError(file, null, `this is not a safetensors file: ${found}, but its header length alone takes 8`);
  }
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  const headerBytes = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  const isTooLong = headerBytes > MAX_HEADER_BYTES;
  if (isTooLong && otherFormat !== null) {
    throw new CaptureError(file, null, `this is not a safetensors file: it looks like ${otherFormat}`);
  }
  if (isTooLong) {
    const problem = `the header length must be at most ${MAX_HEADER_BYTES} bytes, but is ${headerBytes}: this is not a safetensors file`;
    throw new CaptureError(file, null, problem);
  }
  const availableBytes = whole.length - LENGTH_FIELD_BYTES;
  if (headerBytes > availableBytes) {
    const problem = `the header must have ${counted(headerBytes, 'byte')}, but only ${availableBytes} follow: the file is cut short, or is not a safetensors file`;
    throw new CaptureError(file, null, problem);
  }
  return headerBytes;
}

function readHeader(header: Uint8Array, file: string): ReadonlyMap<string, JsonValue> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
  } catch {
    throw new CaptureError(file, null, 'the header is not UTF-8: this is not a safetensors file');
  }
  return parseJsonObject(text, file, 'the header');
}

function readMetadata(value: JsonValue | undefined, file: string): Readonly<Record<string, string>> {
  // Without a prototype, `__proto__` is a name like any other.
  const metadata: Record<string, string> = Object.create(null);
  if (value === undefined) {
    return metadata;
  }
  const members = membersOf(value);
  if (members === null) {
    throw new CaptureError(file, null, `${METADATA_NAME} must be an object, but is ${describe(value)}`);
  }
  for (const [name, text] of members) {
    if (typeof text !== 'string') {
      throw new CaptureError(file, null, `metadata ${quote(name)} must be a string, but is ${describe(text)}`);
    }
    metadata[name] = text;
  }
  return metadata;
}

function readEntry(name: string, value: JsonValue, dataBytes: number, file: string): PlacedTensor {
  const entry = membersOf(value);
  if (entry === null) {
    throw new CaptureError(file, name, `must be described by an object, but is by ${describe(value)}`);
  }
  const dtype = entry.get('dtype');
  if (!isDtype(dtype)) {
    const known = Object.keys(DTYPE_SIZE_BYTES).join(', ');
    throw new CaptureError(file, name, `has a dtype that must be one of ${known}, but is ${describe(dtype)}`);
  }
  const shape = entry.get('shape');
  if (!isCountList(shape)) {
    throw new CaptureError(file, name, `has a shape that must be a list of integers >= 0, but is ${show(shape)}`);
  }
  const offsets = entry.get('data_offsets');
  if (!isCountList(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    const problem = `has data_offsets that must be two integers, 0 <= begin <= end, but are ${show(offsets)}`;
    throw new CaptureError(file, name, problem);
  }
  const [beginBytes, endBytes] = offsets as [number, number];
  if (endBytes > dataBytes) {
    const problem = `ends at data byte ${endBytes}, but the file has only ${counted(dataBytes, 'byte')} of data`;
    throw new CaptureError(file, name, problem);
  }
  checkSize(name, dtype, shape, endBytes - beginBytes, 'data_offsets', file);
  return { name, dtype, shape, beginBytes, endBytes };
}

function checkSize(
  name: string,
  dtype: Dtype,
  shape: readonly number[],
  sizeBytes: number,
  source: 'bytes' | 'data_offsets',
  file: string,
): void {
  let expectedBytes: number = DTYPE_SIZE_BYTES[dtype];
  for (const size of shape) {
    expectedBytes *= size;
    if (!Number.isSafeInteger(expectedBytes)) {
      throw new CaptureError(file, name, `has the shape ${show(shape)}, which is more than ${2 ** 53 - 1} bytes`);
    }
  }
  if (expectedBytes !== sizeBytes) {
    const problem = `is ${dtype} ${show(shape)}, which is ${counted(expectedBytes, 'byte')}, but its ${source} span ${sizeBytes}`;
    throw new CaptureError(file, name, problem);
  }
}

function checkPlacement(placed: readonly PlacedTensor[], dataBytes: number, file: string): void {
  let usedBytes = 0;
  let previousName = '';
  for (const { name, beginBytes, endBytes } of placed) {
    if (beginBytes < usedBytes) {
      const problem = `begins at data byte ${beginBytes}, but ${quote(previousName)} ends only at ${usedBytes}: they overlap`;
      throw new CaptureError(file, name, problem);
    }
    if (beginBytes > usedBytes) {
      const problem = `must begin at data byte ${usedBytes}, where the one before ends, but begins at ${beginBytes}: no gap is allowed`;
      throw new CaptureError(file, name, problem);
    }
    usedBytes = endBytes;
    previousName = name;
  }
  if (usedBytes !== dataBytes) {
    const problem = `the tensors end at data byte ${usedBytes}, but the file has ${counted(dataBytes, 'byte')} of data: ${dataBytes - usedBytes} too many`;
    throw new CaptureError(file, null, problem);
  }
}

function isDtype(value: JsonValue | undefined): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_SIZE_BYTES, value);
}

function isCountList(value: JsonValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** A list of numbers as it would be written, everything else by kind. */
function show(value: JsonValue | undefined): string {
  const isShortList = Array.isArray(value) && value.length <= 16;
  return isShortList ? `[${value.map((item) => describe(item)).join(', ')}]` : describe(value);
}
