import { lstatSync, readFileSync, statSync } from 'node:fs';
import { decompressByName } from '../capture/compression.js';
import { decodeSafetensors, type Tensor } from '../capture/safetensors.js';
import { Allowance } from './allowance.js';
import { decodeNpy, isNpy } from './npy.js';
import { listed, quoted, refusal } from './refusal.js';
import { isTorchArchive, readTorchArchive, type TensorTable } from './torch-file.js';
import { ZipArchive } from './zip.js';

/** The formats of files with tensors that are no captures, by their first bytes. */
export type TensorFormat = 'zip' | 'npy' | 'legacy-torch' | 'other';

const LEGACY_TORCH = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46];

/** What `bytes` seem to be. */
export function formatOf(bytes: Uint8Array): TensorFormat {
  if (isNpy(bytes)) return 'npy';
  if (LEGACY_TORCH.every((byte, index) => bytes[index] === byte)) return 'legacy-torch';
  // A zip archive begins with a member, or, if it has none, with the end record.
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b && (bytes[2] === 3 || bytes[2] === 5);
  return isZip ? 'zip' : 'other';
}

/**
 * The tensors of a `.pt`, `.npz`, `.npy` or `.safetensors` file, told apart by contents, not by name. The array of a
 * `.npy` file has the name `array`.
 * @param freeInflatedBytes what compressed members may inflate to beyond four times the file
 * @throws CaptureError if `bytes` is none of them, or a reader refuses it
 */
export function decodeTensorFile(bytes: Uint8Array, file: string, freeInflatedBytes?: number): TensorTable {
  const allowance = new Allowance(file, bytes.length, freeInflatedBytes);
  const format = formatOf(bytes);
  switch (format) {
    case 'npy':
      return new Map([['array', () => decodeNpy(bytes, 'an array', file, allowance)]]);
    case 'zip':
      return decodeArchive(new ZipArchive(bytes, file, allowance), file, allowance);
    case 'legacy-torch':
      throw refusal(file, {
        found: 'a file of torch.save in the format of before torch 1.6',
        expected: 'its zip format',
        wayOut: 'load it and save it once more without _use_new_zipfile_serialization=False',
      });
    case 'other':
      return new Map([...decodeSafetensors(bytes, file).tensors].map(([name, tensor]) => [name, () => tensor]));
    default:
      return format satisfies never;
  }
}

/** Reads and decodes the file `path`; a name that ends in `.br` or `.gz` is decompressed. */
export function readTensorFile(path: string): TensorTable {
  return decodeTensorFile(readWhole(path), path);
}

/** The bytes of a regular file. @throws CaptureError if it cannot be read or decompressed */
export function readWhole(path: string): Uint8Array {
  try {
    if (!statSync(path).isFile()) throw Object.assign(new Error(), { code: 'not a regular file' });
    const bytes = readFileSync(path);
    return decompressByName(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const found = code === 'ENOENT' ? 'no such file (ENOENT)' : `a file that cannot be read (${code})`;
    throw refusal(path, {
      found,
      expected: 'a file with tensors',
      wayOut: 'check its name, its rights and its contents',
    });
  }
}

/** Whether there is something at `path`, whatever it is; false if nobody may look. */
export function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** @throws CaptureError if the file has no tensor `name` */
export function tensorNamed(table: TensorTable, name: string, file: string): () => Tensor {
  const tensor = table.get(name);
  if (tensor === undefined) {
    throw refusal(file, {
      found: `no tensor ${quoted(name)}; it has ${listed(table.keys())}`,
      expected: 'every tensor that is named',
      wayOut: 'correct the name, or save the tensor too',
    });
  }
  return tensor;
}

function decodeArchive(archive: ZipArchive, file: string, allowance: Allowance): TensorTable {
  const { names } = archive;
  if (isTorchArchive(names)) return readTorchArchive(archive, file, allowance);
  const arrays = names.filter((name) => name.endsWith('.npy'));
  const other = names.find((name) => !name.endsWith('.npy'));
  if (arrays.length === 0 || other !== undefined) {
    throw refusal(file, {
      found: other === undefined ? 'an empty zip archive' : `a zip archive with ${quoted(other)}`,
      expected: 'one of torch.save (NAME/data.pkl and its storages) or of numpy.savez (only .npy members)',
      wayOut: 'save the tensors with torch.save or numpy.savez',
    });
  }
  return new Map(
    arrays.map((name) => [
      name.slice(0, -'.npy'.length),
      () => decodeNpy(archive.read(name), `the array ${quoted(name)}`, file, allowance),
    ]),
  );
}
