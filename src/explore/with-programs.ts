import { type Program, programOf } from '../program/index.js';
import type { Kernel } from '../simt/index.js';
import type { Workload } from './trial.js';

/** A workload whose kernels run other programs than their own. `replace` is asked once for each program. */
export function withPrograms(workload: Workload, replace: (program: Program) => Program): Workload {
  const replaced = new Map<Program, Program>();
  const find = (kernel: Kernel<never>): Program | null => {
    const program = programOf(kernel);
    if (program === null) return null;
    let other = replaced.get(program);
    if (other === undefined) {
      other = replace(program);
      replaced.set(program, other);
    }
    return other;
  };
  return {
    name: workload.name,
    begin: (options) => workload.begin({ ...options, step: { ...options.step, programOf: find } }),
  };
}
