import type { Program } from '../program/index.js';

/**
 * The scope around each: the enclosing one of the same function, or that of the call. A function that the kernel has
 * not called but returned (`return comm.run()`) is taken for one called at the kernel's end: its `this` is a local there.
 * -1: none.
 */
export function scopesAround(program: Program): readonly number[] {
  const kernelScope = program.scopes.findIndex(({ frame, parent }) => frame === 0 && parent === -1);
  return program.scopes.map(({ frame, parent }) => {
    if (parent !== -1) return parent;
    const { callSite } = program.frames[frame]!;
    if (callSite !== -1) return program.sites[callSite]!.scope;
    return frame === 0 ? -1 : kernelScope;
  });
}
