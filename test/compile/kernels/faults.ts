// Kernels that fail, each in another way. Their lines are compared with those of the stacks that ref shows.
import {
  BlockScan,
  blockScanStorageCount,
  type DeviceFunction,
  divI32,
  type KernelBody,
  type Operation,
  type Pointer,
  type Thread,
} from '../../../src/simt/index.js';

interface FaultArgs {
  readonly n: number;
  readonly words: Pointer<'u32'>;
}

export function* plainLoad(t: Thread, { n, words }: FaultArgs): KernelBody {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum +=
      t.laneId +
      words.add(i).load(
        1000, // too far
      );
  }
  words.store(0, sum);
}

export function* plainStore(_t: Thread, { n, words }: FaultArgs): KernelBody {
  const far = words.add(n * 1000);
  if (n > 0) far.store(0, n);
}

const readFar = (words: Pointer<'u32'>): number => words.load(5000);

function twice(words: Pointer<'u32'>): number {
  const first = words.load();
  return first + readFar(words);
}

export function* inFunctions(_t: Thread, { words }: FaultArgs): KernelBody {
  words.store(0, twice(words));
}

class Reader {
  readonly t: Thread;
  readonly words: Pointer<'u32'>;
  constructor(t: Thread, words: Pointer<'u32'>) {
    this.t = t;
    this.words = words;
  }
  get far(): number {
    return this.words.load(9999);
  }
  *readAll(): DeviceFunction<number> {
    yield* this.t.syncwarp();
    const value = yield* this.loadVolatile(7777);
    return value;
  }
  loadVolatile(index: number): Operation<number> {
    return this.t.loadVolatile(this.words, index);
  }
}

export function* inMethods(t: Thread, { words }: FaultArgs): KernelBody {
  const reader = new Reader(t, words);
  words.store(0, yield* reader.readAll());
}

export function* inGetter(t: Thread, { words }: FaultArgs): KernelBody {
  const reader = new Reader(t, words);
  words.store(0, reader.far);
}

export function* thrown(t: Thread, { n }: FaultArgs): KernelBody {
  if (t.laneId === 0) throw new RangeError(`n is ${n}`);
}

export function* dividedByZero(_t: Thread, { n, words }: FaultArgs): KernelBody {
  const zero = n - n;
  words.store(0, divI32(5, zero | 0));
}

function* deviceRead(_t: Thread, words: Pointer<'u32'>): DeviceFunction {
  words.store(0, words.add(4000).load());
}

export function forwarding(t: Thread, { words }: FaultArgs): KernelBody {
  return deviceRead(t, words);
}

export function* undefinedShared(t: Thread, { words }: FaultArgs): KernelBody {
  const shared = t.shared('cells', 'u32', 64);
  shared.store(t.laneId, 1);
  yield* t.syncthreads();
  const value = yield* t.loadVolatile(shared, t.laneId + 32);
  words.store(0, value);
}

export function* atomicFar(t: Thread, { words }: FaultArgs): KernelBody {
  if (t.laneId === 1) {
    yield* t.atomicAdd(words, 123456, 1);
  }
}

export function* inLibrary(t: Thread, { words }: FaultArgs): KernelBody {
  const storage = t.shared('storage', 'i32', blockScanStorageCount(64));
  const scan = new BlockScan(t, storage.add(4096), 64);
  words.store(0, yield* scan.inclusiveSum(1));
}

export function* uninitialised(t: Thread, { words }: FaultArgs): KernelBody {
  const registers = t.registerArray('u32', 2);
  words.store(1, registers.at(0));
  words.store(0, registers.at(1).value);
}

export function* badBarrier(t: Thread, { n }: FaultArgs): KernelBody {
  for (let id = 14; id < 14 + n; id++) {
    yield* t.barrierSync(id, 64);
  }
}
