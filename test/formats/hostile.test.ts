import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { CaptureError, type Tensor } from '../../src/capture/index.js';
import { decodeTensorFile } from '../../src/formats/tensor-file.js';
import { npyFile, npzFile } from './write-numpy.js';
import { Pickler, torchArchive } from './write-torch.js';

const ints: Tensor = { dtype: 'I32', shape: [4], bytes: new Uint8Array(16) };
const readAll = (bytes: Uint8Array, freeInflatedBytes?: number): Tensor[] =>
  [...decodeTensorFile(bytes, 'bad', freeInflatedBytes).values()].map((read) => read());
const pickled = (pickle: Uint8Array): Uint8Array => torchArchive(pickle, [['archive/data/0', ints.bytes]]);

describe('pickles', () => {
  test.each([
    {
      what: 'os.system by GLOBAL and REDUCE',
      pickle: new Pickler().global('os', 'system').text('touch /tmp/simtwin-was-here').raw(0x85, 0x52).end(),
      says: 'the global "os.system" at byte 2 of "archive/data.pkl"',
    },
    {
      what: 'the same by STACK_GLOBAL',
      pickle: new Pickler().text('posix').text('system').raw(0x93).end(),
      says: 'the global "posix.system"',
    },
    {
      what: 'a call within a call',
      pickle: new Pickler()
        .global('collections', 'OrderedDict')
        .global('builtins', 'eval')
        .text('1')
        .raw(0x85, 0x52)
        .end(),
      says: 'the global "builtins.eval"',
    },
    {
      what: 'a call of what a call has given',
      pickle: new Pickler().global('collections', 'OrderedDict').raw(0x29, 0x52, 0x29, 0x52).end(),
      says: 'a call of a dict',
    },
    {
      what: 'a call of a type',
      pickle: new Pickler().global('torch', 'IntStorage').raw(0x29, 0x52).end(),
      says: 'a call of torch.IntStorage',
    },
    { what: 'a new object', pickle: new Pickler().global('torch', 'Size').raw(0x29, 0x81).end(), says: 'NEWOBJ' },
    { what: 'an instance', pickle: new Pickler().raw(0x28, 0x69, 0x6f, 0x73, 0x0a).end(), says: 'INST' },
    { what: 'an extension code', pickle: new Pickler().raw(0x82, 1).end(), says: 'EXT1' },
    {
      what: 'a text that is said to have 4 GiB',
      pickle: new Pickler().raw(0x58, 255, 255, 255, 255).end(),
      says: 'bytes',
    },
    { what: 'a memo that is not there', pickle: new Pickler().raw(0x6a, 255, 255, 255, 255).end(), says: 'memo' },
    {
      what: 'names with HTML and escapes',
      pickle: new Pickler().global('<script>\u001b[2J', 'x\u202e').end(),
      says: '"\\u003cscript\\u003e\\u001b[2J.x\\u202e"',
    },
    {
      what: 'a list in itself',
      pickle: new Pickler().raw(0x5d, 0x71, 0, 0x68, 0, 0x61).end(),
      says: 'levels deep',
    },
    {
      what: 'a tensor far beyond its storage',
      pickle: new Pickler().tensor({ ...ints, shape: [5] }, '0').end(),
      says: 'its last element at 4',
    },
    {
      what: 'one element as a gigabyte',
      pickle: new Pickler().tensor({ ...ints, shape: [2 ** 28], strides: [0] }, '0').end(),
      says: 'which takes 1073741824 bytes to write out',
    },
  ])('$what: refused', ({ pickle, says }) => {
    const begin = performance.now();
    expect(() => readAll(pickled(pickle))).toThrow(CaptureError);
    expect(() => readAll(pickled(pickle))).toThrow(says);
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(existsSync('/tmp/simtwin-was-here')).toBe(false);
  });

  test('a memo bomb, lists of the list before twice over, ends at the limit', () => {
    const pickler = new Pickler().raw(0x5d, 0x71, 0);
    for (let level = 0; level < 30; level++) pickler.raw(0x5d, 0x28, 0x68, level, 0x68, level, 0x65, 0x71, level + 1);
    // The values of the levels before lie on the stack; a tuple of all of them ends it.
    const bytes = Uint8Array.from([0x80, 2, 0x28, ...pickler.end().subarray(2, -1), 0x74, 0x2e]);
    expect(() => readAll(pickled(bytes))).toThrow(/more than 262144 values/);
  });

  test('a long tuple as size again and again takes no long', () => {
    const pickler = new Pickler().raw(0x28);
    for (let index = 0; index < 20_000; index++) pickler.raw(0x4b, 1);
    pickler.raw(0x74, 0x85, 0x71, 0, 0x30);
    const begin = performance.now();
    expect(() => readAll(pickled(pickler.end()))).toThrow('POP');
    expect(performance.now() - begin).toBeLessThan(1000);
  });
});

describe('archives', () => {
  const bomb = zipSync(
    { 'a.npy': npyFile({ dtype: 'U8', shape: [2 ** 24], bytes: new Uint8Array(2 ** 24) }) },
    { level: 9 },
  );

  test('a member that inflates beyond the limit is refused before it is inflated', () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(() => readAll(bomb, 2 ** 20)).toThrow(/which inflates to 167\d+ bytes, but expected at most/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });

  test('a member that inflates to more than it says is refused', () => {
    const lying = bomb.slice();
    const view = new DataView(lying.buffer);
    const directory = view.getUint32(lying.length - 6, true);
    view.setUint32(directory + 24, 1000, true);
    expect(() => readAll(lying)).toThrow('does not inflate to its 1000 bytes');
  });

  test('members that overlap are refused', () => {
    const bytes = npzFile(
      new Map(
        [
          ['a', ints],
          ['a', ints],
        ].map(([name, tensor], index) => [`${name}${index}`, tensor as Tensor]),
      ),
    );
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const directory = view.getUint32(bytes.length - 6, true);
    expect(() => readAll(bytes)).not.toThrow();
    const second = directory + 46 + view.getUint16(directory + 28, true);
    view.setUint32(second + 42, 0, true);
    expect(() => readAll(bytes)).toThrow(CaptureError);
  });

  test.each(['../a.npy', '/a.npy', 'a\\b.npy'])('the name %s is refused', (name) => {
    expect(() => readAll(zipSync({ [name]: npyFile(ints) }))).toThrow('a member with the name');
  });

  test('a flipped bit of a tensor is refused', () => {
    const bytes = npzFile(new Map([['a', ints]]));
    bytes[160] = bytes[160]! ^ 1;
    expect(() => readAll(bytes)).toThrow(CaptureError);
  });
});

describe('NumPy headers', () => {
  test.each([
    "{'descr': '<i4', 'fortran_order': False, 'shape': __import__('os').system('true'), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (4,), }",
    "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (4,), }",
    "{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999,), }",
    "{'descr': '<i4', 'fortran_order': False, 'shape': (4,), 'x': 1}",
    "{'descr': '<i4', 'descr': '<i4', 'shape': (4,), }",
    `{${' '.repeat(60000)}`,
  ])('%s is refused', (header) => {
    expect(() => readAll(npyFile(ints, header))).toThrow(CaptureError);
  });
});

describe('files of torch 2.11 itself (made by torch.save)', () => {
  const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(import.meta.dirname, 'torch', name)));
  const i32 = (values: readonly number[]): number[] => [...new Uint8Array(Int32Array.from(values).buffer)];

  test.each(['dtypes.pt', 'protocol4.pt'])('%s: every type, strides honoured', (name) => {
    const tensors = new Map([...decodeTensorFile(read(name), name)].map(([key, tensor]) => [key, tensor()]));
    expect([...tensors].map(([key, { dtype, shape }]) => `${key} ${dtype} ${shape}`)).toMatchInlineSnapshot(`
      [
        "plain I32 4,6",
        "transposed I32 6,4",
        "slice I32 2,3",
        "step I32 4,3",
        "expand I64 2,3",
        "f32 F32 2",
        "f16 F16 3",
        "bf16 BF16 2,2",
        "bool BOOL 2",
        "u8 U8 5",
        "i8 I8 1",
        "i16 I16 1",
        "f64 F64 ",
        "u64 U64 3",
        "u32 U32 3",
        "u16 U16 3",
        "f8 F8_E4M3 4",
        "empty I32 0,3",
      ]
    `);
    expect([...tensors.get('transposed')!.bytes].slice(0, 16)).toEqual(i32([0, 6, 12, 18]));
    expect([...tensors.get('slice')!.bytes]).toEqual(i32([8, 9, 10, 14, 15, 16]));
    expect([...tensors.get('step')!.bytes]).toEqual(i32([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]));
    expect([...tensors.get('expand')!.bytes].filter((_, index) => index % 8 === 0)).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test('nested.pt: what is nested has its path as name', () => {
    expect([...decodeTensorFile(read('nested.pt'), 'nested.pt').keys()]).toEqual([
      'x',
      'n.y.0',
      'n.y.1',
      'od.a',
      'param',
    ]);
  });

  test.each([
    { name: 'module.pt', says: 'the global "torch.nn.modules.linear.Linear" at byte 2' },
    { name: 'sparse.pt', says: 'the global "torch._utils._rebuild_sparse_tensor"' },
    { name: 'values.pt', says: 'the global "_codecs.encode"' },
    { name: 'legacy.pt', says: 'before torch 1.6' },
  ])('$name is refused', ({ name, says }) => {
    expect(() => decodeTensorFile(read(name), name)).toThrow(says);
  });

  test.each(['bare.pt', 'cuda.pt'])('%s is read', (name) => {
    const [tensor] = [...decodeTensorFile(read(name), name).values()].map((readTensor) => readTensor());
    expect(tensor).toMatchObject({ dtype: 'I32', shape: [4, 6] });
  });
});
