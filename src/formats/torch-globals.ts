import { DTYPE_SIZE_BYTES, type Dtype } from '../capture/safetensors.js';
import {
  kindOf,
  PickleDict,
  PickleGlobal,
  type PickleHost,
  PickleObject,
  PickleProblem,
  PickleTuple,
  type PickleValue,
} from './pickle-values.js';
import { quoted } from './refusal.js';
import { MOST_DIMENSIONS, type StridedTensor } from './strided.js';

/** The bytes that one or more tensors lie in: a member of the archive. */
export class TorchStorage extends PickleObject {
  readonly kind = 'a storage';
  readonly key: string;
  readonly sizeBytes: number;
  /** Null: the tensor says it. */
  readonly dtype: Dtype | null;

  constructor(key: string, sizeBytes: number, dtype: Dtype | null) {
    super();
    this.key = key;
    this.sizeBytes = sizeBytes;
    this.dtype = dtype;
  }
}

/** A tensor as the pickle describes it, unchecked. */
export class TorchTensor extends PickleObject {
  readonly kind = 'a tensor';
  readonly storage: TorchStorage;
  readonly strided: StridedTensor;

  constructor(storage: TorchStorage, strided: StridedTensor) {
    super();
    this.storage = storage;
    this.strided = strided;
  }
}

const STORAGES: Readonly<Record<string, Dtype>> = {
  'torch.BoolStorage': 'BOOL',
  'torch.ByteStorage': 'U8',
  'torch.CharStorage': 'I8',
  'torch.ShortStorage': 'I16',
  'torch.IntStorage': 'I32',
  'torch.LongStorage': 'I64',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.FloatStorage': 'F32',
  'torch.DoubleStorage': 'F64',
};
const UNTYPED_STORAGES = ['torch.storage.UntypedStorage', 'torch.UntypedStorage'];
const DTYPES: Readonly<Record<string, Dtype>> = {
  'torch.bool': 'BOOL',
  'torch.uint8': 'U8',
  'torch.int8': 'I8',
  'torch.uint16': 'U16',
  'torch.int16': 'I16',
  'torch.uint32': 'U32',
  'torch.int32': 'I32',
  'torch.uint64': 'U64',
  'torch.int64': 'I64',
  'torch.float16': 'F16',
  'torch.bfloat16': 'BF16',
  'torch.float32': 'F32',
  'torch.float64': 'F64',
  'torch.float8_e4m3fn': 'F8_E4M3',
  'torch.float8_e5m2': 'F8_E5M2',
};

/** All that a pickle of torch.save may name here. Facts of torch/_utils.py and torch/_tensor.py (`_reduce_ex_internal`). */
const GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map(
  [
    ...[...Object.keys(STORAGES), ...UNTYPED_STORAGES, ...Object.keys(DTYPES)].map(
      (name) => new PickleGlobal(name, null),
    ),
    new PickleGlobal('torch._utils._rebuild_tensor_v2', (args) => rebuildTensor(args, false)),
    new PickleGlobal('torch._utils._rebuild_tensor_v3', (args) => rebuildTensor(args, true)),
    new PickleGlobal('torch._utils._rebuild_parameter', rebuildParameter),
    new PickleGlobal('collections.OrderedDict', makeDict),
    new PickleGlobal('torch.Size', makeSize),
    new PickleGlobal('torch.device', makeDevice),
  ].map((global) => [global.name, global]),
);

/** The names that pickles of torch.save may use. */
export const TORCH_HOST: PickleHost = {
  global: (name) => GLOBALS.get(name),
  persistent: storageOf,
  expected: 'tensors, numbers, strings, lists, tuples and dicts of torch.save only',
};

/** `('storage', type, key, location, elements)`. Where it was is of no interest. */
function storageOf(id: PickleValue): TorchStorage {
  const [tag, type, key, , elements] = id instanceof PickleTuple ? id.items : [];
  const isKnown = tag === 'storage' && type instanceof PickleGlobal && typeof key === 'string' && isCount(elements);
  if (!isKnown || !/^\d{1,10}$/.test(key)) throw new PickleProblem('a persistent id that is no storage of torch');
  if (UNTYPED_STORAGES.includes(type.name)) return new TorchStorage(key, elements, null);
  const dtype = STORAGES[type.name];
  if (dtype === undefined) throw new PickleProblem(`a storage of type ${quoted(type.name)}`);
  return new TorchStorage(key, elements * DTYPE_SIZE_BYTES[dtype], dtype);
}

/** `(storage, offset, size, stride, requires_grad, hooks[, metadata])`; version 3 has the dtype before the metadata. */
function rebuildTensor(args: readonly PickleValue[], hasDtype: boolean): TorchTensor {
  const [storage, offset, size, stride, , hooks] = args;
  const dtypeGlobal = hasDtype ? args[6] : undefined;
  const most = hasDtype ? 7 : 6;
  if (!(storage instanceof TorchStorage)) throw new PickleProblem(`a tensor on ${kindOf(storage)}`);
  const dtype = hasDtype
    ? dtypeGlobal instanceof PickleGlobal
      ? DTYPES[dtypeGlobal.name]
      : undefined
    : (storage.dtype ?? undefined);
  if (dtype === undefined) throw new PickleProblem(`a tensor of type ${kindOf(dtypeGlobal ?? storage)}`);
  if (!isCount(offset)) throw new PickleProblem(`a tensor at ${kindOf(offset)}`);
  if (hooks !== undefined && hooks !== null && !isEmptyDict(hooks)) throw new PickleProblem('a tensor with hooks');
  // Metadata says that values are to be negated or conjugated when read.
  if (args.length > most && args[most] !== null && !isEmptyDict(args[most])) {
    throw new PickleProblem('a tensor with metadata (negated or conjugated)');
  }
  return new TorchTensor(storage, { dtype, shape: countsOf(size), strides: countsOf(stride), offsetElements: offset });
}

function rebuildParameter([data]: readonly PickleValue[]): TorchTensor {
  if (!(data instanceof TorchTensor)) throw new PickleProblem(`a parameter of ${kindOf(data)}`);
  return data;
}

function makeDict(args: readonly PickleValue[]): PickleDict {
  if (args.length > 0) throw new PickleProblem('an OrderedDict that is made of arguments');
  return new PickleDict();
}

function makeSize([size]: readonly PickleValue[]): PickleTuple {
  return new PickleTuple(countsOf(size));
}

function makeDevice([name]: readonly PickleValue[]): string {
  if (typeof name !== 'string') throw new PickleProblem(`a device of ${kindOf(name)}`);
  return name;
}

function countsOf(value: PickleValue | undefined): readonly number[] {
  const items = value instanceof PickleTuple ? value.items : [Number.NaN];
  // The length first: a long tuple may be looked at once an opcode.
  if (items.length > MOST_DIMENSIONS || !items.every(isCount))
    throw new PickleProblem(`${kindOf(value)} where sizes should be`);
  return items as readonly number[];
}

const isCount = (value: PickleValue | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const isEmptyDict = (value: PickleValue | undefined): boolean =>
  value instanceof PickleDict && value.entries.size === 0;
