import type { InstructionStatement, LocStatement, PtxFunction, PtxModule, PtxVariable, Statement } from './ast.js';
import { PtxError, type PtxPlace } from './ptx-error.js';
import { type PtxType, ptxType } from './types.js';

/** A register of one call of a function. */
export interface Register {
  readonly name: string;
  readonly type: PtxType;
  /** Unique within the entry. */
  readonly id: number;
}

/** A variable in memory, or a parameter. */
export interface Memory {
  readonly variable: PtxVariable;
  /** Unique within the entry; those of the module are the same everywhere. */
  readonly id: number;
}

export type Named =
  | { readonly kind: 'register'; readonly register: Register }
  | { readonly kind: 'memory'; readonly memory: Memory }
  | { readonly kind: 'label'; readonly label: number }
  | { readonly kind: 'targets'; readonly labels: readonly string[] }
  | { readonly kind: 'prototype' };

/** A place in the source that a `.loc` names, and where it was inlined. */
export interface SourceOrigin {
  readonly file: number;
  readonly line: number;
  readonly column: number;
  /** Label of the function's name, and the place of its call; null: it is the function's own. */
  readonly inlined: { readonly functionName: string; readonly at: SourceOrigin } | null;
  readonly depth: number;
}

/** Where an instruction stands: its text and, with `.loc`, its source. */
export interface Origin {
  readonly source: SourceOrigin | null;
  /** Innermost call of a function that was inlined here; null: the entry itself. */
  readonly call: InlinedCall | null;
}

interface InlinedCall {
  readonly functionName: string;
  readonly place: PtxPlace;
  readonly origin: Origin;
}

export type FlatItem =
  | { readonly kind: 'label'; readonly label: number }
  | {
      readonly kind: 'instruction';
      readonly statement: InstructionStatement;
      readonly scope: NameScope;
      readonly origin: Origin;
      /** Where `ret` leads; null: the thread's end. */
      readonly returnTo: number | null;
    };

/** The entry as one run of instructions: scopes resolved, functions inlined. */
export interface FlatEntry {
  readonly items: readonly FlatItem[];
  readonly parameters: readonly Memory[];
  readonly labels: number;
}

/** Names that are visible at a place. */
export class NameScope {
  readonly #parent: NameScope | null;
  readonly #names = new Map<string, Named>();
  /** `.reg .b32 %r<8>`: prefix, and registers made so far. */
  readonly #ranges = new Map<string, { readonly count: number; readonly type: PtxType }>();
  readonly #numbers: { next: number };

  constructor(parent: NameScope | null, numbers: { next: number }) {
    this.#parent = parent;
    this.#numbers = numbers;
  }

  get numbers(): { next: number } {
    return this.#numbers;
  }

  /** What a name means here; null: nothing. */
  find(name: string): Named | null {
    return this.#own(name) ?? this.#parent?.find(name) ?? null;
  }

  #own(name: string): Named | null {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    // `%r12` is number 12 of `%r`, or number 2 of `%r1`.
    for (let cut = name.length - 1; cut > 0 && isDigit(name, cut) && name.length - cut <= MAX_DIGITS; cut--) {
      const range = this.#ranges.get(name.slice(0, cut));
      const index = name.slice(cut);
      if (range === undefined || Number(index) >= range.count || (index.length > 1 && index.startsWith('0'))) continue;
      return this.#add(name, { kind: 'register', register: { name, type: range.type, id: this.#numbers.next++ } });
    }
    return null;
  }

  #add(name: string, named: Named): Named {
    this.#names.set(name, named);
    return named;
  }

  /** @throws PtxError if the name is taken in this scope */
  declare(name: string, named: Named, place: PtxPlace): void {
    if (this.#names.has(name))
      throw new PtxError(place, `expected a new name, found '${name}', which is declared already`);
    this.#add(name, named);
  }

  /** @throws PtxError if the name is taken in this scope, or the type is none of a register */
  declareVariable(variable: PtxVariable): void {
    const { name, space, count, type: typeName, vector } = variable;
    if (space !== 'reg') {
      this.declare(name, { kind: 'memory', memory: { variable, id: this.#numbers.next++ } }, variable);
      return;
    }
    const type = ptxType(typeName);
    if (type === null || vector !== 1)
      throw new PtxError(
        variable,
        `expected a register of a scalar type, found one of .${vector === 1 ? '' : `v${vector} .`}${typeName}`,
      );
    if (count === null)
      this.declare(name, { kind: 'register', register: { name, type, id: this.#numbers.next++ } }, variable);
    else this.#ranges.set(name, { count, type });
  }
}

/** Deepest inlining that is told apart. */
const MAX_INLINED = 64;

/** The `.loc` directives of a body so far. A place of inlining is the last `.loc` of the same place. */
class SourceLines {
  now: SourceOrigin | null;
  readonly #known = new Map<string, SourceOrigin>();

  constructor(now: SourceOrigin | null) {
    this.now = now;
  }

  add({ file, line, column, inlined }: LocStatement): void {
    // Line 0: made by the compiler, of no line.
    if (line === 0) return;
    const own = { file, line, column };
    if (inlined === null) this.now = { ...own, inlined: null, depth: 0 };
    else {
      const at = this.#known.get(keyOf(inlined.at)) ?? { ...inlined.at, inlined: null, depth: 0 };
      if (at.depth >= MAX_INLINED) return;
      this.now = { ...own, inlined: { functionName: inlined.functionName, at }, depth: at.depth + 1 };
    }
    this.#known.set(keyOf(own), this.now);
  }
}

const keyOf = ({
  file,
  line,
  column,
}: {
  readonly file: number;
  readonly line: number;
  readonly column: number;
}): string => `${file}:${line}:${column}`;

/** Digits of a register's number. */
const MAX_DIGITS = 9;

const isDigit = (text: string, at: number): boolean => text[at]! >= '0' && text[at]! <= '9';

/** Most instructions of an entry with all it calls. */
const MAX_ITEMS = 2_000_000;

/** The names of a module. @throws PtxError if one is declared twice with different meanings */
function moduleScope(module: PtxModule): NameScope {
  const scope = new NameScope(null, { next: 0 });
  const declared = new Set<string>();
  for (const variable of module.variables) {
    // A declaration and its definition.
    if (declared.has(variable.name)) continue;
    declared.add(variable.name);
    scope.declareVariable(variable);
  }
  return scope;
}

/** What is done at a call: the callee's body inlined, or something else by whoever lowers. */
interface CallSite {
  readonly callee: PtxFunction;
  readonly results: readonly string[];
  readonly parameters: readonly string[];
}

/** The call that an instruction makes of a function with a body; null: it is no such call. */
function callOf(
  functions: ReadonlyMap<string, PtxFunction>,
  { opcode, operands }: InstructionStatement,
): CallSite | null {
  if (opcode !== 'call' && opcode !== 'call.uni') return null;
  const lists = operands.map((operand) =>
    operand.kind === 'list'
      ? operand.elements.flatMap((element) => (element.kind === 'name' ? [element.name] : []))
      : null,
  );
  const at = operands.findIndex(({ kind }) => kind === 'name');
  const name = operands[at];
  const callee = name?.kind === 'name' ? functions.get(name.name) : undefined;
  if (callee === undefined || callee.body === null) return null;
  return { callee, results: at === 1 ? (lists[0] ?? []) : [], parameters: lists[at + 1] ?? [] };
}

/**
 * The entry with its functions inlined.
 * @throws PtxError if a name is declared twice, a label is missing, a function calls itself, or it grows too large
 */
export function flatten(module: PtxModule, entry: PtxFunction): FlatEntry {
  const functions = new Map<string, PtxFunction>();
  for (const candidate of module.functions) if (candidate.body !== null) functions.set(candidate.name, candidate);
  const items: FlatItem[] = [];
  let labels = 0;
  const root = moduleScope(module);
  const scope = new NameScope(root, { next: module.variables.length });
  const stack: string[] = [];

  const body = (
    statements: readonly Statement[],
    within: NameScope,
    call: InlinedCall | null,
    returnTo: number | null,
    lines: SourceLines,
  ): void => {
    for (const statement of statements) {
      if (statement.kind === 'label') within.declare(statement.name, { kind: 'label', label: labels++ }, statement);
      else if (statement.kind === 'targets')
        within.declare(statement.name, { kind: 'targets', labels: statement.targets }, statement);
      else if (statement.kind === 'prototype') within.declare(statement.name, { kind: 'prototype' }, statement);
    }
    for (const statement of statements) {
      switch (statement.kind) {
        case 'variable':
          within.declareVariable(statement.variable);
          break;
        case 'label': {
          const named = within.find(statement.name);
          if (named?.kind === 'label') items.push({ kind: 'label', label: named.label });
          break;
        }
        case 'loc':
          lines.add(statement);
          break;
        case 'scope':
          body(statement.body, new NameScope(within, within.numbers), call, returnTo, lines);
          break;
        case 'instruction': {
          const origin: Origin = { source: lines.now, call };
          const site = callOf(functions, statement);
          if (site !== null && statement.guard === null) inline(site, statement, within, origin);
          else items.push({ kind: 'instruction', statement, scope: within, origin, returnTo });
          if (items.length > MAX_ITEMS)
            throw new PtxError(statement, `expected at most ${MAX_ITEMS} instructions in an entry with all it calls`);
          break;
        }
        default:
      }
    }
  };

  const inline = (
    { callee, results, parameters }: CallSite,
    place: PtxPlace,
    caller: NameScope,
    origin: Origin,
  ): void => {
    if (stack.includes(callee.name)) throw new PtxError(place, `${callee.name} calls itself, which is not modelled`);
    const own = new NameScope(root, caller.numbers);
    const bind = (formal: readonly PtxVariable[], actual: readonly string[], what: string) => {
      if (formal.length !== actual.length)
        throw new PtxError(place, `expected ${formal.length} ${what} of ${callee.name}, found ${actual.length}`);
      formal.forEach((variable, at) => {
        const named = caller.find(actual[at]!);
        if (named?.kind !== 'memory' && named?.kind !== 'register')
          throw new PtxError(place, `expected a parameter that is declared, found '${actual[at]}'`);
        own.declare(variable.name, named, variable);
      });
    };
    bind(callee.results, results, 'results');
    bind(callee.parameters, parameters, 'parameters');
    stack.push(callee.name);
    const end = labels++;
    body(callee.body!, own, { functionName: callee.name, place, origin }, end, new SourceLines(origin.source));
    items.push({ kind: 'label', label: end });
    stack.pop();
  };

  const parameters = entry.parameters.map((variable) => {
    scope.declareVariable(variable);
    const named = scope.find(variable.name);
    if (named?.kind !== 'memory') throw new PtxError(variable, `expected a .param, found ${variable.name}`);
    return named.memory;
  });
  body(entry.body ?? [], scope, null, null, new SourceLines(null));
  return { items, parameters, labels };
}
