import { arrayCounts, bindParams, type ParamValue, type Program, programOf } from '../program/index.js';
import type { Launch } from '../simt/launch.js';
import { type CompiledKernel, compiledKernelOf } from './compiled-kernel.js';
import { LANES } from './layout.js';
import type { BoundLaunch } from './warp.js';

/** A launch with the code that runs it. */
export interface RunnableLaunch {
  readonly kernel: CompiledKernel;
  readonly launch: BoundLaunch;
}

/**
 * The code for a launch, and its arguments as the code wants them.
 * @throws RangeError, with a way out, if the kernel is not compiled, an argument does not fit, or the program does what
 * this mode does not model.
 */
export function bindLaunch(launch: Launch, trace: boolean): RunnableLaunch {
  const program = programOf(launch.kernel);
  if (program === null) {
    throw new RangeError(
      `${launch.name || 'the kernel'} is not compiled: mode 'fast' runs compiled kernels; compile it (simtwin compile) or use mode 'ref'`,
    );
  }
  if (showsSharedAddresses(program)) {
    throw new RangeError(
      `${program.name}: it computes with the address of a pointer as a number, which for shared memory differs in mode 'fast': use mode 'step' or 'ref'`,
    );
  }
  const values = bindParams(program, launch.args);
  const counts = arrayCounts(program, values);
  const hasWholeRows = launch.blockDim.x % LANES === 0;
  const kernel = compiledKernelOf(program, { hasWholeRows, trace }, counts);
  return { kernel, launch: { ...boundParams(values), ...threadIndices(launch) } };
}

const sharedAddressesShown = new WeakMap<Program, boolean>();

/** Whether a program may see an address of shared memory as a number: here it is not the one that it has elsewhere. */
function showsSharedAddresses(program: Program): boolean {
  let shows = sharedAddressesShown.get(program);
  if (shows === undefined) {
    const all = program.blocks.flatMap(({ instructions }) => instructions);
    shows = all.some(({ op }) => op === 'shared') && all.some((it) => it.op === 'convert' && it.from === 'ptr');
    sharedAddressesShown.set(program, shows);
  }
  return shows;
}

function boundParams(values: readonly ParamValue[]): { PI: Int32Array; PD: Float64Array } {
  const PI = new Int32Array(2 * values.length);
  const PD = new Float64Array(values.length);
  values.forEach((value, index) => {
    if (typeof value === 'bigint') {
      PI[2 * index] = Number(BigInt.asIntN(32, value));
      PI[2 * index + 1] = Number(BigInt.asIntN(32, value >> 32n));
    } else if (typeof value === 'object') PD[index] = value === null ? 0 : value.address;
    else PI[2 * index] = Number(value);
  });
  return { PI, PD };
}

type ThreadIndices = Pick<BoundLaunch, 'threadX' | 'threadY' | 'threadZ'>;

/** Of the shapes that have been launched last. */
const indicesOfShape = new Map<string, ThreadIndices>();
const MOST_SHAPES = 16;

/** `threadIdx` by thread. */
function threadIndices({ threadIdxs, blockDim: { x, y, z } }: Launch): ThreadIndices {
  const shape = `${x},${y},${z}`;
  let indices = indicesOfShape.get(shape);
  if (indices === undefined) {
    if (indicesOfShape.size === MOST_SHAPES) indicesOfShape.clear();
    indices = {
      threadX: Int32Array.from(threadIdxs, (thread) => thread.x),
      threadY: Int32Array.from(threadIdxs, (thread) => thread.y),
      threadZ: Int32Array.from(threadIdxs, (thread) => thread.z),
    };
    indicesOfShape.set(shape, indices);
  }
  return indices;
}
