import { zipSync } from 'fflate';
import type { Dtype, Tensor } from '../../src/capture/index.js';

const STORAGE_NAMES: Partial<Record<Dtype, string>> = {
  U8: 'ByteStorage',
  I32: 'IntStorage',
  I64: 'LongStorage',
  F32: 'FloatStorage',
};
const SIZES: Partial<Record<Dtype, number>> = { U8: 1, I32: 4, I64: 8, F32: 4 };

/** A tensor for {@link torchFile}: with strides, its bytes are the storage. */
export interface TorchInput extends Tensor {
  readonly strides?: readonly number[];
}

/** Writes pickle opcodes of protocol 2. */
export class Pickler {
  readonly #bytes: number[] = [0x80, 2];

  raw(...bytes: readonly number[]): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  text(text: string): this {
    const utf8 = new TextEncoder().encode(text);
    return this.raw(0x58, ...u32(utf8.length), ...utf8);
  }

  int(value: number): this {
    return this.raw(0x4a, ...u32(value));
  }

  ints(values: readonly number[]): this {
    this.raw(0x28);
    for (const value of values) this.int(value);
    return this.raw(0x74);
  }

  global(module: string, name: string): this {
    return this.raw(0x63, ...new TextEncoder().encode(`${module}\n${name}\n`));
  }

  /** As torch writes it: `_rebuild_tensor_v2` of a persistent storage. */
  tensor({ dtype, shape, bytes, strides = rowMajor(shape) }: TorchInput, key: string): this {
    this.global('torch._utils', '_rebuild_tensor_v2').raw(0x28, 0x28).text('storage');
    this.global('torch', STORAGE_NAMES[dtype]!)
      .text(key)
      .text('cpu')
      .int(bytes.length / SIZES[dtype]!)
      .raw(0x74, 0x51);
    this.int(0).ints(shape).ints(strides).raw(0x89).global('collections', 'OrderedDict').raw(0x29, 0x52);
    return this.raw(0x74, 0x52);
  }

  end(): Uint8Array {
    return Uint8Array.from([...this.#bytes, 0x2e]);
  }
}

/** A dict of tensors in torch.save's layout. */
export function torchFile(tensors: ReadonlyMap<string, TorchInput>): Uint8Array {
  const pickler = new Pickler().raw(0x7d, 0x28);
  const storages: [string, Uint8Array][] = [];
  for (const [name, tensor] of tensors) {
    pickler.text(name).tensor(tensor, String(storages.length));
    storages.push([`archive/data/${storages.length}`, tensor.bytes]);
  }
  return torchArchive(pickler.raw(0x75).end(), storages);
}

/** An archive of torch.save around a pickle. Members are stored, as torch's are. */
export function torchArchive(
  pickle: Uint8Array,
  storages: readonly (readonly [string, Uint8Array])[] = [],
): Uint8Array {
  const text = (value: string) => new TextEncoder().encode(value);
  const members = { 'archive/data.pkl': pickle, 'archive/byteorder': text('little'), ...Object.fromEntries(storages) };
  return zipSync({ ...members, 'archive/version': text('3\n') }, { level: 0 });
}

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, index) => shape.slice(index + 1).reduce((product, size) => product * size, 1));
}

const u32 = (value: number): number[] => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
