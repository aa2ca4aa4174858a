import type { Dtype, Tensor } from '../capture/safetensors.js';
import type { Allowance } from './allowance.js';
import { quoted, refusal } from './refusal.js';
import { contiguous } from './strided.js';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const MOST_HEADER_BYTES = 65_536;

/** By the array protocol's type strings; single bytes have no byte order. */
const DTYPES: Readonly<Record<string, Dtype>> = {
  '|b1': 'BOOL',
  '|u1': 'U8',
  '|i1': 'I8',
  '<u2': 'U16',
  '<i2': 'I16',
  '<f2': 'F16',
  '<u4': 'U32',
  '<i4': 'I32',
  '<f4': 'F32',
  '<u8': 'U64',
  '<i8': 'I64',
  '<f8': 'F64',
};

/** One `'name': value,` of the header. No part of it can match in two ways, so that it takes linear time. */
const MEMBER =
  /\s*(?:'(\w{1,32})'|"(\w{1,32})")\s*:\s*(?:'([^'\\\n]{0,80})'|(True|False)|\(([\d,\s]*)\))\s*(,|(?=\}))/y;

/** Whether `bytes` begin as a file of `numpy.save`. */
export const isNpy = (bytes: Uint8Array): boolean => MAGIC.every((byte, index) => bytes[index] === byte);

/**
 * Reads an array as `numpy.save` writes it, versions 1.0 to 3.0. Its header is a Python literal: it is matched against
 * the only form that NumPy writes, never evaluated. Objects, which NumPy pickles, are refused.
 *
 * @param what the array, for errors
 * @throws CaptureError if `bytes` is anything else
 * Source: numpy.lib.format, NPY format specification.
 */
export function decodeNpy(bytes: Uint8Array, what: string, file: string, allowance: Allowance): Tensor {
  const { header, data } = split(bytes, what, file);
  const { dtype, isColumnMajor, shape } = readHeader(header, what, file);
  const strides = new Array<number>(shape.length).fill(1);
  let stride = 1;
  for (let index = 0; index < shape.length; index++) {
    const dimension = isColumnMajor ? index : shape.length - 1 - index;
    strides[dimension] = stride;
    stride *= shape[dimension]!;
  }
  const tensor = contiguous({ dtype, shape, strides, offsetElements: 0 }, data, what, file, allowance);
  if (tensor.bytes.length !== data.length) {
    throw refusal(file, {
      found: `${what} of ${tensor.bytes.length} bytes with ${data.length} bytes of data`,
      expected: 'as much data as shape and type say',
      wayOut: 'save the array once more',
    });
  }
  return tensor;
}

function split(bytes: Uint8Array, what: string, file: string): { readonly header: string; readonly data: Uint8Array } {
  const refuse = (found: string): Error =>
    refusal(file, {
      found: `${what} ${found}`,
      expected: 'an array of numpy.save, version 1.0 to 3.0, whole',
      wayOut: 'save the array once more with numpy.save or numpy.savez',
    });
  if (!isNpy(bytes)) throw refuse("that does not begin with NumPy's \\x93NUMPY");
  if (bytes.length < 12) throw refuse(`of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(6);
  if (version < 1 || version > 3 || view.getUint8(7) !== 0) throw refuse(`of version ${version}.${view.getUint8(7)}`);
  const begin = version === 1 ? 10 : 12;
  const headerBytes = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerBytes > MOST_HEADER_BYTES || begin + headerBytes > bytes.length) {
    throw refuse(`with a header of ${headerBytes} bytes in ${bytes.length}`);
  }
  // Every character of the form that is accepted is ASCII.
  const header = new TextDecoder('latin1').decode(bytes.subarray(begin, begin + headerBytes));
  return { header, data: bytes.subarray(begin + headerBytes) };
}

function readHeader(
  header: string,
  what: string,
  file: string,
): { readonly dtype: Dtype; readonly isColumnMajor: boolean; readonly shape: readonly number[] } {
  const members = new Map<string, string>();
  const text = header.trim();
  const refuse = (): Error =>
    refusal(file, {
      found: `${what} with the header ${quoted(text)}`,
      expected: "{'descr': TYPE, 'fortran_order': True or False, 'shape': (SIZES)} and nothing else",
      wayOut: 'save plain numbers: no records, no objects, nothing that needs pickle',
    });
  if (!text.startsWith('{') || !text.endsWith('}')) throw refuse();
  MEMBER.lastIndex = 1;
  let at = 1;
  for (let match = MEMBER.exec(text); match !== null; match = MEMBER.exec(text)) {
    const name = match[1] ?? match[2]!;
    const kind = match[3] !== undefined ? 'descr' : match[4] !== undefined ? 'fortran_order' : 'shape';
    if (name !== kind || members.has(name)) throw refuse();
    members.set(name, match[3] ?? match[4] ?? match[5]!);
    at = MEMBER.lastIndex;
  }
  if (members.size !== 3 || text.slice(at).trim() !== '}') throw refuse();
  const descr = members.get('descr')!;
  const dtype = Object.hasOwn(DTYPES, descr) ? DTYPES[descr] : undefined;
  if (dtype === undefined) {
    throw refusal(file, {
      found: `${what} of type ${quoted(descr)}`,
      expected: `one of ${Object.keys(DTYPES).join(', ')}`,
      wayOut: "save it as one of these, for example a.astype('<i4'), or bfloat16 as a.view('<u2')",
    });
  }
  const sizes = members.get('shape')!.split(',');
  if (sizes.at(-1)!.trim() === '') sizes.pop();
  const shape = sizes.map((size) => (/^\s*\d{1,16}\s*$/.test(size) ? Number(size) : Number.NaN));
  if (shape.some((size) => !Number.isSafeInteger(size))) throw refuse();
  return { dtype, isColumnMajor: members.get('fortran_order') === 'True', shape };
}
