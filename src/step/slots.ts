import { isWide, type Program, type ValueType } from '../program/index.js';
import { scopesAround } from './scopes.js';

/** Words of a value in a row. */
export const wordsOf = (type: ValueType): 1 | 2 => (isWide(type) || type === 'f64' || type === 'ptr' ? 2 : 1);

/** What slot allocation needs to know of a variable's life. */
export interface Lives {
  /** By variable: those that are alive somewhere where it is set. */
  readonly aliveWhenSet: readonly ReadonlySet<number>[];
  /** Variables that are alive at the start. */
  readonly atStart: readonly number[];
}

/**
 * Words of a row for the variables in `needsSlot`, from `first` on. Two share a word if they are never alive together
 * and one with a name is not in sight where the other is set: its scope is not around the other's.
 * Result: the word of each variable, -1 for the others, and the first word behind all.
 */
export function allocateSlots(
  program: Program,
  needsSlot: readonly boolean[],
  { aliveWhenSet, atStart }: Lives,
  first: number,
): { readonly slots: readonly number[]; readonly end: number } {
  const isAround = scopeTree(program);
  const { variables } = program;
  const start = new Set(atStart);
  const conflict = (a: number, b: number): boolean => {
    if (aliveWhenSet[a]!.has(b) || aliveWhenSet[b]!.has(a) || (start.has(a) && start.has(b))) return true;
    const [x, y] = [variables[a]!, variables[b]!];
    // Setting one must not change what can be seen of the other.
    return (x.name !== null && isAround(x.scope, y.scope)) || (y.name !== null && isAround(y.scope, x.scope));
  };
  const slots = variables.map(() => -1);
  const placed: number[] = [];
  let end = first;
  for (const words of [2, 1]) {
    for (let variable = 0; variable < variables.length; variable++) {
      if (!needsSlot[variable] || wordsOf(variables[variable]!.type) !== words) continue;
      const taken = new Set<number>();
      for (const other of placed) {
        if (!conflict(variable, other)) continue;
        for (let word = 0; word < wordsOf(variables[other]!.type); word++) taken.add(slots[other]! + word);
      }
      let slot = first;
      while (taken.has(slot) || (words === 2 && taken.has(slot + 1))) slot += words;
      slots[variable] = slot;
      placed.push(variable);
      end = Math.max(end, slot + words);
    }
  }
  return { slots, end };
}

/** Whether a scope is another one or around it; that of a call is around those of the function that is called. */
function scopeTree(program: Program): (outer: number, inner: number) => boolean {
  const around = scopesAround(program);
  return (outer, inner) => {
    for (let scope = inner; scope !== -1; scope = around[scope]!) if (scope === outer) return true;
    return false;
  };
}
