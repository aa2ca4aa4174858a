import { type Program, programOf } from '../program/index.js';
import type { Machine } from '../simt/index.js';
import type { StepEngine } from '../step/index.js';
import { EvaluationError, type Expression } from './expression.js';
import { DIM_NAMES, THREAD_NAMES } from './thread-scope.js';

/**
 * Refuses names that have a value for no thread of any launched kernel, wherever it is: a condition with one would never
 * be true. Names of a thread that is elsewhere, or has not begun, are fine.
 * @throws EvaluationError in one line
 */
export function requireKnownNames(machine: Machine, expression: Expression): void {
  const known = namesOf(machine);
  for (const name of namesIn(expression)) {
    if (DIM_NAMES.some((dim) => dim === name))
      throw new EvaluationError(`${name} has three parts: ${name}.x, ${name}.y, ${name}.z`);
    // A kernel whose program is not at hand may have any name.
    if (known === null || isKnown(known, name)) continue;
    const near = nearest(name, [...known, ...THREAD_NAMES]);
    throw new EvaluationError(
      `no thread of this call has a '${name}'${near === null ? '' : `; did you mean '${near}'?`} ('info locals', 'info args', 'info shared' and 'info symbols' list names)`,
    );
  }
}

/** Names of variables, as {@link ThreadScope} looks them up, and quoted allocations. */
function* namesIn(expression: Expression): Generator<string> {
  switch (expression.kind) {
    case 'literal':
      return;
    case 'name':
      yield expression.name;
      return;
    case 'element':
      yield expression.name;
      yield* namesIn(expression.index);
      return;
    case 'memory':
      yield* namesIn(expression.address);
      return;
    case 'unary':
      yield* namesIn(expression.a);
      return;
    case 'binary':
      yield* namesIn(expression.a);
      yield* namesIn(expression.b);
      return;
    default:
      expression satisfies never;
  }
}

/** All names of all launched and queued kernels; null: a program is not known. */
function namesOf(machine: Machine): ReadonlySet<string> | null {
  const engine = machine.engine as StepEngine;
  const programs = new Set<Program>();
  const begun = new Set<string>();
  for (const { emitted } of engine.arenas.keys()) {
    programs.add(emitted.program);
    begun.add(emitted.program.name);
  }
  for (const { kernel, name } of engine.launchNumbers.keys()) {
    const program = programOf(kernel);
    if (program !== null) programs.add(program);
    else if (!begun.has(name)) return null;
  }
  const names = new Set<string>(machine.memory.space.allocations.map(({ name }) => name));
  for (const { variables, arrays, params, blocks } of programs) {
    for (const { name } of [...variables, ...arrays]) if (name !== null) names.add(name);
    for (const { path } of params) names.add(path.join('.'));
    for (const { instructions } of blocks)
      for (const instruction of instructions) if (instruction.op === 'shared') names.add(instruction.name);
  }
  return names;
}

/** `this.NAME` and `NAME` are the field of an object as well. */
function isKnown(names: ReadonlySet<string>, name: string): boolean {
  if (names.has(name) || THREAD_NAMES.some((known) => known === name)) return true;
  const field = `.${name.replace(/^this\./, '')}`;
  for (const known of names) if (known.endsWith(field)) return true;
  return false;
}

/** The name that the fewest changes lead to; null: none is near. */
function nearest(name: string, names: readonly string[]): string | null {
  const wanted = name.replace(/^this\./, '').toLowerCase();
  let best: string | null = null;
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of names) {
    for (const form of [candidate, candidate.slice(candidate.indexOf('.') + 1)]) {
      if (Math.abs(form.length - wanted.length) >= least) continue;
      const changes = distance(wanted, form.toLowerCase());
      if (changes >= least) continue;
      least = changes;
      best = form === candidate || THREAD_NAMES.some((known) => known === candidate) ? candidate : `this.${form}`;
    }
  }
  return best;
}

/** Characters to insert, remove or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
