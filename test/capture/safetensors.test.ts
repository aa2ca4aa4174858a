import { expect, test } from 'vitest';
import { CaptureError, decodeSafetensors, encodeSafetensors, type Tensor } from '../../src/capture/index.js';
import { rawSafetensors } from './samples.js';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const entry = (dtype: string, shape: string, offsets: string): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const oneTensor = (value: string, dataBytes = 8): Uint8Array => rawSafetensors(`{"t":${value}}`, dataBytes);
const headerLength = (low: number, high = 0): Uint8Array => {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, low, true);
  new DataView(bytes.buffer).setUint32(4, high, true);
  return bytes;
};

test.each([
  {
    why: 'an empty file',
    bytes: new Uint8Array(0),
    message: 'this is not a safetensors file: it has 0 bytes, but its header length alone takes 8',
  },
  {
    why: 'a very short text',
    bytes: text('132'),
    message: 'this is not a safetensors file: it has 3 bytes (text), but its header length alone takes 8',
  },
  {
    why: 'JSON',
    bytes: text('{ "max_usable_sm_count": 132 }'),
    message: 'this is not a safetensors file: it looks like JSON text',
  },
  {
    why: 'a text',
    bytes: text('# Captures from a real GPU\n'),
    message: 'this is not a safetensors file: it looks like text',
  },
  {
    why: 'a PNG',
    bytes: Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13),
    message: 'this is not a safetensors file: it looks like a PNG image',
  },
  {
    why: 'a zip',
    bytes: Uint8Array.of(0x50, 0x4b, 0x03, 0x04, 20, 0, 8, 0, 8, 0),
    message: 'this is not a safetensors file: it looks like a zip archive, such as .npz or .pt',
  },
  {
    why: 'a header beyond the limit',
    bytes: headerLength(100_000_001),
    message: 'the header length must be at most 100000000 bytes, but is 100000001: this is not a safetensors file',
  },
  {
    why: 'a header length of 64 bits',
    bytes: headerLength(0xffffffff, 0xffffffff),
    message:
      'the header length must be at most 100000000 bytes, but is 18446744073709552000: this is not a safetensors file',
  },
  {
    why: 'a header beyond the file',
    bytes: headerLength(9),
    message: 'the header must have 9 bytes, but only 8 follow: the file is cut short, or is not a safetensors file',
  },
  { why: 'no header', bytes: headerLength(0), message: 'the header is not JSON' },
  { why: 'a cut header', bytes: rawSafetensors('{"t":'), message: 'the header is not JSON' },
  {
    why: 'a header that is not UTF-8',
    bytes: Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xc3, 0x28),
    message: 'the header is not UTF-8: this is not a safetensors file',
  },
  { why: 'a list', bytes: rawSafetensors('[]'), message: 'the header must be a JSON object, but is an array' },
  { why: 'null', bytes: rawSafetensors('null'), message: 'the header must be a JSON object, but is null' },
  {
    why: 'deep nesting',
    bytes: rawSafetensors(`{"t":${'['.repeat(100_000)}`),
    message: 'the header nests deeper than 32 levels',
  },
  {
    why: 'a number beyond the doubles',
    bytes: oneTensor(entry('U8', '[1e999]', '[0,8]')),
    message: 'the header holds a number beyond the range of a 64-bit float',
  },
  {
    why: 'a tensor twice',
    bytes: rawSafetensors(`{"t":${entry('U8', '[4]', '[0,4]')},"\\u0074":${entry('U8', '[4]', '[4,8]')}}`, 8),
    message: 'the header gives the name "t" twice',
  },
  {
    why: 'a field twice',
    bytes: oneTensor('{"dtype":"U8","dtype":"I64","shape":[1],"data_offsets":[0,8]}'),
    message: 'the header gives the name "dtype" twice',
  },
  {
    why: 'metadata that is a list',
    bytes: rawSafetensors('{"__metadata__":["a"]}'),
    message: '__metadata__ must be an object, but is an array',
  },
  {
    why: 'metadata that is not text',
    bytes: rawSafetensors('{"__metadata__":{"__proto__":1}}'),
    message: 'metadata "__proto__" must be a string, but is 1',
  },
  {
    why: 'bytes after the last tensor',
    bytes: oneTensor(entry('U8', '[7]', '[0,7]')),
    message: 'the tensors end at data byte 7, but the file has 8 bytes of data: 1 too many',
  },
  {
    why: 'data without tensors',
    bytes: rawSafetensors('{}', 1),
    message: 'the tensors end at data byte 0, but the file has 1 byte of data: 1 too many',
  },
])('$why is refused', ({ bytes, message }) => {
  expect(() => decodeSafetensors(bytes, 'x.bin')).toThrow(new CaptureError('x.bin', null, message));
});

test.each([
  { why: 'a tensor that is a number', value: '3', problem: 'must be described by an object, but is by 3' },
  {
    why: 'an unknown dtype',
    value: entry('I128', '[1]', '[0,8]'),
    problem:
      'has a dtype that must be one of BOOL, U8, I8, F8_E4M3, F8_E5M2, U16, I16, F16, BF16, U32, I32, F32, U64, I64, F64, but is "I128"',
  },
  {
    why: 'a dtype that every object has',
    value: entry('constructor', '[1]', '[0,8]'),
    problem:
      'has a dtype that must be one of BOOL, U8, I8, F8_E4M3, F8_E5M2, U16, I16, F16, BF16, U32, I32, F32, U64, I64, F64, but is "constructor"',
  },
  {
    why: 'no shape',
    value: '{"dtype":"U8","data_offsets":[0,8]}',
    problem: 'has a shape that must be a list of integers >= 0, but is missing',
  },
  {
    why: 'a negative size',
    value: entry('U8', '[2,-4]', '[0,8]'),
    problem: 'has a shape that must be a list of integers >= 0, but is [2, -4]',
  },
  {
    why: 'a fractional size',
    value: entry('U8', '[1.5]', '[0,8]'),
    problem: 'has a shape that must be a list of integers >= 0, but is [1.5]',
  },
  {
    why: 'a size beyond the exact integers',
    value: entry('U8', '[9007199254740992]', '[0,8]'),
    problem: 'has a shape that must be a list of integers >= 0, but is [9007199254740992]',
  },
  {
    why: 'a product that overflows to the right size in 64 bits',
    value: entry('U8', '[4294967296,4294967296,0]', '[0,0]'),
    problem: 'has the shape [4294967296, 4294967296, 0], which is more than 9007199254740991 bytes',
  },
  {
    why: 'offsets that are too few',
    value: entry('U8', '[8]', '[0]'),
    problem: 'has data_offsets that must be two integers, 0 <= begin <= end, but are [0]',
  },
  {
    why: 'offsets that run backwards',
    value: entry('U8', '[8]', '[8,0]'),
    problem: 'has data_offsets that must be two integers, 0 <= begin <= end, but are [8, 0]',
  },
  {
    why: 'offsets beyond the file',
    value: entry('U8', '[9]', '[0,9]'),
    problem: 'ends at data byte 9, but the file has only 8 bytes of data',
  },
  {
    why: 'offsets that do not fit the shape',
    value: entry('I32', '[3]', '[0,8]'),
    problem: 'is I32 [3], which is 12 bytes, but its data_offsets span 8',
  },
  {
    why: 'a gap',
    value: entry('U8', '[4]', '[4,8]'),
    problem: 'must begin at data byte 0, where the one before ends, but begins at 4: no gap is allowed',
  },
])('$why is refused', ({ value, problem }) => {
  expect(() => decodeSafetensors(oneTensor(value), 'x.bin')).toThrow(new CaptureError('x.bin', 't', problem));
});

test('two tensors that share bytes are refused', () => {
  const header = `{"b":${entry('U8', '[5]', '[3,8]')},"a":${entry('U8', '[4]', '[0,4]')}}`;
  expect(() => decodeSafetensors(rawSafetensors(header, 8), 'x.bin')).toThrow(
    'x.bin: tensor b begins at data byte 3, but "a" ends only at 4: they overlap',
  );
});

test('a hostile name is quoted and cut in the message, and whole in the field', () => {
  const name = `\n${'x'.repeat(200)}`;
  const decode = () => decodeSafetensors(rawSafetensors(JSON.stringify({ [name]: 1 })), 'x.bin');
  expect(decode).toThrow(`x.bin: tensor "\\n${'x'.repeat(79)}"... must be described by an object, but is by 1`);
  expect(decode).toThrow(expect.objectContaining({ name: 'CaptureError', file: 'x.bin', tensor: name }));
});

test('a file in another order than its header, with empty tensors and scalars, is sound', () => {
  const header = `{"b":${entry('I32', '[]', '[4,8]')},"e":${entry('F64', '[0,7]', '[4,4]')},"a":${entry('U8', '[2,2]', '[0,4]')}}   `;
  const { tensors, metadata } = decodeSafetensors(rawSafetensors(header, 8), 'x.bin');
  expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
    ['a', [2, 2]],
    ['e', [0, 7]],
    ['b', []],
  ]);
  expect(metadata).toEqual({});
});

test('the tensors are views of the file', () => {
  const bytes = oneTensor(entry('U8', '[8]', '[0,8]'));
  expect(decodeSafetensors(bytes, 'x.bin').tensors.get('t')!.bytes.buffer).toBe(bytes.buffer);
});

test('writing pads the header to 8 bytes with spaces', () => {
  const bytes = encodeSafetensors({
    metadata: { k: 'v' },
    tensors: new Map([['t', { dtype: 'U8', shape: [1], bytes: Uint8Array.of(9) }]]),
  });
  const header = '{"__metadata__":{"k":"v"},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
  expect(bytes[0]).toBe(80);
  expect(new TextDecoder().decode(bytes.subarray(8, -1))).toBe(header.padEnd(80));
  expect(bytes.at(-1)).toBe(9);
});

test.each([
  {
    name: 't',
    tensor: { dtype: 'I32', shape: [2], bytes: new Uint8Array(7) } satisfies Tensor,
    problem: 'is I32 [2], which is 8 bytes, but its bytes span 7',
  },
  {
    name: '__metadata__',
    tensor: { dtype: 'U8', shape: [0], bytes: new Uint8Array(0) } satisfies Tensor,
    problem: 'has the name that is reserved for the metadata',
  },
])('writing refuses a tensor that $problem', ({ name, tensor, problem }) => {
  expect(() => encodeSafetensors({ metadata: {}, tensors: new Map([[name, tensor]]) })).toThrow(
    new CaptureError('safetensors to encode', name, problem),
  );
});
