import { type Program, registerProgram } from '../program/index.js';
import type { Kernel } from '../simt/index.js';
import { DYNAMIC_SHARED } from './lower-entry.js';

/** What a launch gives: the bytes of each parameter by its name, pointers as addresses, and how much `extern` shared memory. */
export interface PtxLaunch {
  readonly parameters: ReadonlyMap<string, Uint8Array>;
  readonly dynamicSharedBytes?: number;
}

/**
 * The arguments of a launch as the program takes them.
 * @throws RangeError naming the parameter, if it is missing or has too few bytes
 */
export function ptxArguments(
  program: Program,
  { parameters, dynamicSharedBytes = 0 }: PtxLaunch,
): Readonly<Record<string, unknown>> {
  const args: Record<string, Record<string, number | bigint> | number> = { [DYNAMIC_SHARED]: dynamicSharedBytes };
  for (const { path } of program.params) {
    const [name, piece] = path;
    // What is no piece of a parameter is the size of dynamic shared memory.
    if (piece === undefined) continue;
    const [offset, bytes] = piece.split(':').map(Number) as [number, number];
    const given = parameters.get(name!);
    if (given === undefined) throw new RangeError(`${program.name}: the parameter ${name} is missing`);
    if (offset + bytes > given.length) {
      throw new RangeError(
        `${program.name}: the parameter ${name} has ${given.length} bytes; the kernel reads ${bytes} at byte ${offset}`,
      );
    }
    args[name!] ??= {};
    const pieces = args[name!] as Record<string, number | bigint>;
    pieces[piece] = pieceOf(new DataView(given.buffer, given.byteOffset, given.byteLength), offset, bytes);
  }
  return args;
}

function pieceOf(view: DataView, offset: number, bytes: number): number | bigint {
  if (bytes === 8) return view.getBigUint64(offset, true);
  if (bytes === 4) return view.getInt32(offset, true);
  return bytes === 2 ? view.getUint16(offset, true) : view.getUint8(offset);
}

/** A kernel that runs a program in the modes `fast` and `step`; `ref` runs TypeScript only. */
export function ptxKernel(program: Program): Kernel<unknown> {
  const kernel: Kernel<unknown> = () => {
    throw new RangeError(`${program.name} is PTX, which mode 'ref' does not run: use mode 'fast' or 'step'`);
  };
  Object.defineProperty(kernel, 'name', { value: program.name });
  registerProgram(kernel as Kernel<never>, program);
  return kernel;
}
