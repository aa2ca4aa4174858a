import { livenessOf, type Operand, optimized, type Program, reversePostorder, successorsOf } from '../program/index.js';
import type { PtxFunction, PtxModule, PtxOperand } from './ast.js';
import { carriersOf } from './carriers.js';
import { shortName } from './demangle.js';
import { type FlatItem, flatten, type Memory, type NameScope, type Register } from './flatten.js';
import { CONTROL, type Flow, lowerControl } from './instructions/control.js';
import { INTEGER } from './instructions/integer.js';
import { MEMORY } from './instructions/memory.js';
import { MOVES } from './instructions/move.js';
import { WARP } from './instructions/warp.js';
import { type AddressMap, Form, type Lowerer, Lowering } from './lowering.js';
import { type Missing, NotModelled } from './not-modelled.js';
import { type SharedVariable, sharedLayout } from './shared-layout.js';
import { Sites } from './sites.js';
import { ptxType } from './types.js';
import { Writer, word } from './writer.js';

const LOWERERS: ReadonlyMap<string, Lowerer> = new Map(
  [INTEGER, MOVES, MEMORY, WARP, CONTROL].flatMap((table) => Object.entries(table)),
);

/** Path of the launch's size of dynamic shared memory among the arguments. */
export const DYNAMIC_SHARED = 'dynamicSharedBytes';

/** What has become of an entry. */
export interface LoweredEntry {
  /** Null: something is missing. */
  readonly program: Program | null;
  readonly missing: readonly Missing[];
  /** Instructions by their opcode as it is written. */
  readonly forms: ReadonlyMap<string, number>;
}

/**
 * The program of an entry. `path` and `text`: of the PTX.
 * @throws PtxError if it is no PTX: names that are not declared, registers of the wrong size
 */
export function lowerEntry(module: PtxModule, entry: PtxFunction, path: string, text: string): LoweredEntry {
  return new EntryLowering(module, entry, path, text).lower();
}

class EntryLowering implements AddressMap, Flow {
  readonly #entry: PtxFunction;
  readonly #items: readonly FlatItem[];
  readonly #writer: Writer;
  readonly #sites: Sites;
  readonly #parameters = new Map<number, string>();
  readonly #shared: readonly SharedVariable[];
  readonly #sharedAddresses = new Map<number, number>();
  readonly #blocks = new Map<number, number>();
  readonly #cells = new Map<
    string,
    { readonly register: Register; readonly memory: number; readonly offset: number; readonly bytes: number }
  >();
  readonly #missing: Missing[] = [];
  readonly #forms = new Map<string, number>();
  readonly constants: ReadonlyMap<number, bigint>;
  sharedBase: Operand | null = null;
  readonly exit: number;

  constructor(module: PtxModule, entry: PtxFunction, path: string, text: string) {
    this.#entry = entry;
    const { items, parameters } = flatten(module, entry);
    this.#items = items;
    for (const { id, variable } of parameters) this.#parameters.set(id, variable.name);
    this.#writer = new Writer(carriersOf(items));
    this.constants = constantsOf(items);
    const first = items.find((item) => item.kind === 'instruction');
    this.#sites = new Sites(module, path, text, entry.name, first?.origin.source ?? null);
    this.#shared = this.#layOut(sharedOf(items));
    for (const { memory, address } of this.#shared) if (memory !== null) this.#sharedAddresses.set(memory.id, address);
    this.#writer.select(this.#writer.block());
    this.exit = this.#writer.block();
  }

  #layOut(memories: readonly Memory[]): readonly SharedVariable[] {
    try {
      return sharedLayout(memories);
    } catch (error) {
      if (!(error instanceof NotModelled)) throw error;
      this.#miss('.shared', error.message, this.#entry);
      return [];
    }
  }

  lower(): LoweredEntry {
    const writer = this.#writer;
    const place = { line: this.#entry.line, column: this.#entry.column };
    writer.site = this.#sites.siteOf({ source: null, call: null }, place, this.#entry.name);
    this.#declareShared();
    for (const item of this.#items) {
      if (item.kind === 'label') {
        const block = this.blockOf(item.label);
        if (!writer.hasEnded) writer.end({ op: 'jump', target: block });
        writer.select(block);
      } else this.#instruction(item);
    }
    if (!writer.hasEnded) writer.end({ op: 'exit' });
    writer.select(this.exit);
    writer.end({ op: 'exit' });
    // Labels that nothing follows.
    for (const block of this.#blocks.values()) {
      writer.select(block);
      if (!writer.hasEnded) writer.end({ op: 'exit' });
    }
    const program = this.#missing.length > 0 ? null : optimized(this.#initialised(this.#reachable(this.#program())));
    return { program, missing: this.#missing, forms: this.#forms };
  }

  // --- Addresses and blocks

  blockOf(label: number): number {
    const known = this.#blocks.get(label);
    if (known !== undefined) return known;
    const block = this.#writer.block();
    this.#blocks.set(label, block);
    return block;
  }

  shared({ id, variable }: Memory): number {
    const address = this.#sharedAddresses.get(id);
    if (address === undefined) throw new NotModelled(`the shared variable '${variable.name}'`);
    return address;
  }

  parameter({ id }: Memory): string | null {
    return this.#parameters.get(id) ?? null;
  }

  cell({ id, variable }: Memory, offset: number, bytes: number): Register {
    const key = `${id} ${offset} ${bytes}`;
    const known = this.#cells.get(key);
    if (known !== undefined) return known.register;
    for (const other of this.#cells.values()) {
      if (other.memory === id && other.offset < offset + bytes && offset < other.offset + other.bytes)
        throw new NotModelled(`bytes of '${variable.name}' in pieces of different sizes`);
    }
    const type = ptxType(`b${bytes * 8}`)!;
    const register: Register = { name: `${variable.name}+${offset}`, type, id: -2 - this.#cells.size };
    this.#cells.set(key, { register, memory: id, offset, bytes });
    return register;
  }

  /** Declares the shared variables in their order, which gives them their addresses. */
  #declareShared(): void {
    const writer = this.#writer;
    for (const [at, { memory, address, bytes }] of this.#shared.entries()) {
      if (at > 0 && bytes === null && this.#shared[at - 1]!.bytes === null) continue;
      const pointer = writer.variable(null, 'ptr');
      const name = memory === null ? `alignment at ${address}` : this.#sharedName(memory);
      const count = bytes === null ? writer.param([DYNAMIC_SHARED], 'i32') : word('i32', bytes);
      writer.emit({ op: 'shared', to: pointer.index, name, elementType: 'u8', count });
      if (at > 0) continue;
      const base = writer.variable('shared', 'ptr');
      writer.emit({
        op: 'address',
        to: base.index,
        base: pointer,
        index: word('i32', -address),
        indexType: 'i32',
        elementBytes: 1,
      });
      this.sharedBase = base;
    }
  }

  #sharedName({ variable }: Memory): string {
    const own = shortName(variable.name);
    const isTaken = this.#shared.some(
      ({ memory }) => memory !== null && memory.variable !== variable && shortName(memory.variable.name) === own,
    );
    return isTaken ? variable.name : own;
  }

  // --- Instructions

  #miss(form: string, reason: string, { line, column }: { readonly line: number; readonly column: number }): void {
    this.#missing.push({ form, reason, entry: this.#entry.name, line, column });
  }

  #instruction(item: Extract<FlatItem, { kind: 'instruction' }>): void {
    const { statement, scope, origin } = item;
    const writer = this.#writer;
    this.#forms.set(statement.opcode, (this.#forms.get(statement.opcode) ?? 0) + 1);
    writer.site = this.#sites.siteOf(origin, statement, this.#entry.name);
    // Behind a jump, and without a label: it is never reached.
    if (writer.hasEnded) writer.select(writer.block());
    const within = (condition: Operand | null) => new Lowering(writer, this, statement, scope, condition);
    try {
      if (lowerControl(within(null), this, item)) return;
      const form = new Form(statement);
      const lowerer = LOWERERS.get(form.root);
      if (lowerer === undefined) throw new NotModelled(statement.opcode);
      if (statement.guard === null) {
        lowerer.lower(form, within(null));
        return;
      }
      const { predicate, isNegated } = statement.guard;
      const own = within(null).predicate(
        isNegated ? { kind: 'not', name: predicate } : { kind: 'name', name: predicate },
      );
      if (lowerer.isPure) lowerer.lower(form, within(writer.held(own)));
      else writer.guarded(own, () => lowerer.lower(form, within(null)));
    } catch (error) {
      if (!(error instanceof NotModelled)) throw error;
      this.#miss(statement.opcode, error.message, statement);
    }
  }

  // --- The program

  #program(): Program {
    const { variables, params, blocks, arrays } = this.#writer;
    const { files, frames, scopes, sites } = this.#sites;
    return {
      name: this.#entry.name,
      files,
      params,
      variables,
      arrays: arrays.map(({ name, elementType, count }) => ({
        name,
        elementType,
        count: { kind: 'constant', type: 'i32', value: count },
        scope: 0,
      })),
      tables: [],
      frames,
      scopes,
      sites,
      blocks: blocks.map(({ instructions, terminator }) => ({
        instructions,
        terminator: terminator ?? { op: 'exit', site: 0 },
      })),
    };
  }

  /** Without blocks that nothing leads to. */
  #reachable(program: Program): Program {
    const order = reversePostorder(successorsOf(program));
    const numbers = new Map(order.map((block, at) => [block, at]));
    const blocks = order.map((block) => {
      const { instructions, terminator } = program.blocks[block]!;
      if (terminator.op === 'jump')
        return { instructions, terminator: { ...terminator, target: numbers.get(terminator.target)! } };
      if (terminator.op !== 'branch') return { instructions, terminator };
      const [yes, no] = [numbers.get(terminator.then)!, numbers.get(terminator.else)!];
      // biome-ignore lint/suspicious/noThenProperty: the field's name
      return { instructions, terminator: { ...terminator, then: yes, else: no } };
    });
    return { ...program, blocks };
  }

  /** Registers that may be read before they are set begin as 0, those that carry memory as undefined. */
  #initialised(program: Program): Program {
    const [first, ...rest] = program.blocks;
    const live = livenessOf(program).before(0, 0);
    const site = first!.instructions[0]?.site ?? first!.terminator.site;
    const moves = program.variables.flatMap(({ type }, to) =>
      live[to] === 0 || type === 'ptr' ? [] : [{ op: 'move' as const, type, to, a: zero(type), site }],
    );
    const clears = program.arrays.map((_, array) => ({ op: 'clearArray' as const, array, site }));
    const instructions = [...clears, ...moves, ...first!.instructions];
    return { ...program, blocks: [{ ...first!, instructions }, ...rest] };
  }
}

function zero(type: Program['variables'][number]['type']): Operand {
  if (type === 'pred') return { kind: 'constant', type, value: false };
  return type === 'i64' || type === 'u64' ? word(type, 0) : { kind: 'constant', type, value: 0 };
}

/** Values of the registers that one `mov` of a constant sets, and nothing else names first. */
function constantsOf(items: readonly FlatItem[]): ReadonlyMap<number, bigint> {
  const values = new Map<number, bigint>();
  const others = new Set<number>();
  for (const item of items) {
    if (item.kind !== 'instruction') continue;
    const { statement, scope } = item;
    const [to, from] = statement.operands;
    for (const id of targetsOf(to, scope)) {
      const isConstant = statement.opcode.startsWith('mov.') && from?.kind === 'integer' && statement.guard === null;
      if (isConstant && !values.has(id) && !others.has(id)) values.set(id, from.value);
      else others.add(id);
    }
  }
  for (const id of others) values.delete(id);
  return values;
}

/** Ids of the registers that a first operand names. */
function targetsOf(operand: PtxOperand | undefined, scope: NameScope): number[] {
  const names = (() => {
    switch (operand?.kind) {
      case 'name':
        return [operand.name];
      case 'pair':
        return [operand.first, operand.second];
      case 'vector':
      case 'list':
        return operand.elements.flatMap((element) => (element.kind === 'name' ? [element.name] : []));
      default:
        return [];
    }
  })();
  return names.flatMap((name) => {
    const named = scope.find(name);
    return named?.kind === 'register' ? [named.register.id] : [];
  });
}

/** Shared variables that the instructions name, in the order of their declarations. */
function sharedOf(items: readonly FlatItem[]): Memory[] {
  const found = new Map<number, Memory>();
  const note = (item: Extract<FlatItem, { kind: 'instruction' }>, name: string | null) => {
    const named = name === null ? null : item.scope.find(name);
    if (named?.kind === 'memory' && named.memory.variable.space === 'shared') found.set(named.memory.id, named.memory);
  };
  for (const item of items) {
    if (item.kind !== 'instruction') continue;
    for (const operand of item.statement.operands) {
      if (operand.kind === 'name' || operand.kind === 'symbol') note(item, operand.name);
      else if (operand.kind === 'address') note(item, operand.base);
    }
  }
  return [...found.values()].sort((left, right) => left.id - right.id);
}
