import type { Kernel } from '../simt/index.js';
import type { Program } from './program.js';

const programs = new WeakMap<Kernel<never>, Program | (() => Program)>();

/**
 * Makes `program` the compiled form of `kernel`, in place of any before. A function is called once, when somebody first
 * wants the program: what a program is made of need not be read before.
 */
export function registerProgram(kernel: Kernel<never>, program: Program | (() => Program)): void {
  programs.set(kernel, program);
}

/** The compiled form of a kernel; null if nobody has registered one. */
export function programOf(kernel: Kernel<never>): Program | null {
  const known = programs.get(kernel) ?? null;
  if (typeof known !== 'function') return known;
  const program = known();
  programs.set(kernel, program);
  return program;
}
