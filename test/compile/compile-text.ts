import { type Compiled, compileKernels, nodeSources } from '../../src/compile/index.js';

/** Compiles a file that is nowhere on disk. Its imports may be of `simtwin`, or of `others`, files beside it. */
export function compileText(text: string, others: Readonly<Record<string, string>> = {}): Compiled {
  const sources = nodeSources();
  return compileKernels(
    { ...sources, read: (path) => (path === 'kernels/kernel.ts' ? text : (others[path] ?? sources.read(path))) },
    'kernels/kernel.ts',
  );
}

/** The header that every kernel of these tests needs. */
export const IMPORTS =
  "import { type KernelBody, type Pointer, type Thread, u32, i32, u64, i64, f32, popc, divI32, mulI32, FULL_MASK, tiledPartition, shlB32, shlB64, type DeviceFunction, type Kernel, type Scope } from 'simtwin';";

/** A kernel with that body. `t`, `n`, `big`, `flag`, `p` (u32), `q` (u64) are at hand. Its first line is line 3. */
export const kernelOf = (body: string, before = ''): string =>
  `${IMPORTS}${before}
export function* kernel(t: Thread, { n, big, flag, p, q }: { n: number; big: bigint; flag: boolean; p: Pointer<'u32'>; q: Pointer<'u64'> }): KernelBody {
${body}
}
`;
