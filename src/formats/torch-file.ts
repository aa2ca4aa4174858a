import type { Tensor } from '../capture/safetensors.js';
import type { Allowance } from './allowance.js';
import { unpickle } from './pickle.js';
import { PickleDict, PickleList, PickleTuple, type PickleValue } from './pickle-values.js';
import { quoted, refusal } from './refusal.js';
import { contiguous } from './strided.js';
import { TORCH_HOST, TorchTensor } from './torch-globals.js';
import type { ZipArchive } from './zip.js';

const PICKLE_NAME = /^[^/]+\/data\.pkl$/;
const MOST_VALUES = 2 ** 18;
const MOST_DEPTH = 32;
const MOST_TENSORS = 4096;
const MOST_PATH_LENGTH = 1024;
/** The name of a tensor that was saved by itself. */
const BARE_NAME = 'tensor';

/** The tensors of a file, read when asked for. */
export type TensorTable = ReadonlyMap<string, () => Tensor>;

/** Whether the archive is one of torch.save. */
export const isTorchArchive = (names: readonly string[]): boolean => names.some((name) => PICKLE_NAME.test(name));

/**
 * The tensors of an archive of torch.save (torch 1.6 and later), by name: of a dict its key, of what is nested the path
 * with dots (`layer.0.weight`), of a tensor by itself `tensor`. Strides are honoured. Other values are left out.
 * @throws CaptureError if it holds anything else than tensors and plain values
 * Source: torch/serialization.py, `_save` and `_load`.
 */
export function readTorchArchive(archive: ZipArchive, file: string, allowance: Allowance): TensorTable {
  const pickles = archive.names.filter((name) => PICKLE_NAME.test(name));
  const folder = pickles[0]!.slice(0, -'data.pkl'.length);
  const refuse = (found: string, expected: string): Error =>
    refusal(file, { found, expected, wayOut: 'save the tensors once more with torch.save on a little-endian machine' });
  if (pickles.length > 1) throw refuse(`${pickles.length} pickles`, 'one');
  const orderBytes = archive.sizeOf(`${folder}byteorder`) ?? 0;
  if (orderBytes > 16) throw refuse(`a byte order of ${orderBytes} bytes`, 'the word little');
  if (orderBytes > 0) {
    const order = new TextDecoder('latin1').decode(archive.read(`${folder}byteorder`));
    if (order !== 'little') throw refuse(`the byte order ${quoted(order)}`, 'little');
  }
  const root = unpickle(archive.read(pickles[0]!), TORCH_HOST, quoted(pickles[0]!), file);

  const table = new Map<string, () => Tensor>();
  for (const [name, { storage, strided }] of tensorsIn(root, file)) {
    if (table.has(name)) throw refuse(`two tensors with the path ${quoted(name)}`, 'one');
    table.set(name, () => {
      const bytes = archive.read(`${folder}data/${storage.key}`);
      if (bytes.length !== storage.sizeBytes) {
        throw refuse(`storage ${storage.key} of ${bytes.length} bytes`, `${storage.sizeBytes}, as the pickle says`);
      }
      return contiguous(strided, bytes, `the tensor ${quoted(name)}`, file, allowance);
    });
  }
  return table;
}

/** Every tensor in `root` with its path. What contains itself, or the same many times over, ends at a limit. */
function tensorsIn(root: PickleValue, file: string): readonly (readonly [string, TorchTensor])[] {
  const found: [string, TorchTensor][] = [];
  let visited = 0;
  const refuse = (found: string): Error =>
    refusal(file, { found, expected: 'a dict of tensors', wayOut: 'save only the tensors of the call' });
  const visit = (value: PickleValue, path: string, depth: number): void => {
    if (++visited > MOST_VALUES) throw refuse(`more than ${MOST_VALUES} values`);
    if (depth > MOST_DEPTH) throw refuse(`values more than ${MOST_DEPTH} levels deep`);
    if (found.length > MOST_TENSORS) throw refuse(`more than ${MOST_TENSORS} tensors`);
    if (path.length > MOST_PATH_LENGTH) throw refuse(`a name of ${path.length} characters`);
    const inside = (name: string | number, item: PickleValue): void =>
      visit(item, path === '' ? String(name) : `${path}.${name}`, depth + 1);
    if (value instanceof TorchTensor) found.push([path === '' ? BARE_NAME : path, value]);
    else if (value instanceof PickleDict) for (const [key, item] of value.entries) inside(key, item);
    else if (value instanceof PickleList || value instanceof PickleTuple) {
      for (const [index, item] of value.items.entries()) inside(index, item);
    }
  };
  visit(root, '', 0);
  return found;
}
