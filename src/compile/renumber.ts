import { arraysOf, assignedBy, mapOperands, operandsOf, withResult } from '../program/builder.js';
import type { BasicBlock, Instruction, Operand, Program, Terminator } from '../program/program.js';

/** Numbers that are in use, in a new order without gaps. */
class Numbers {
  readonly #next = new Map<number, number>();
  readonly order: number[] = [];

  use(index: number): number {
    let number = this.#next.get(index);
    if (number === undefined) {
      number = this.order.push(index) - 1;
      this.#next.set(index, number);
    }
    return number;
  }
  of(index: number): number {
    const number = this.#next.get(index);
    if (number === undefined) throw new Error(`[simtwin bug] number ${index} is not in use`);
    return number;
  }
  /** Keeps the numbers in use in their old order. */
  sort(): void {
    this.order.sort((a, b) => a - b);
    this.#next.clear();
    this.order.forEach((index, number) => {
      this.#next.set(index, number);
    });
  }
}

/** Drops everything that no reachable block refers to, and numbers the rest anew: blocks in reverse postorder. */
export function renumber(program: Program): Program {
  const order = reversePostorder(program.blocks);
  const blockOf = new Map(order.map((block, at) => [block, at]));
  const [variables, params, arrays, tables, sites, scopes, frames, files] = Array.from(
    { length: 8 },
    () => new Numbers(),
  ) as [Numbers, Numbers, Numbers, Numbers, Numbers, Numbers, Numbers, Numbers];
  const useOperand = (operand: Operand) => {
    if (operand.kind === 'variable') variables.use(operand.index);
    if (operand.kind === 'param') params.use(operand.index);
  };
  frames.use(0);
  for (const block of order) {
    const { instructions, terminator } = program.blocks[block]!;
    for (const instruction of instructions) {
      sites.use(instruction.site);
      operandsOf(instruction).forEach(useOperand);
      for (const index of assignedBy(instruction)) variables.use(index);
      for (const index of arraysOf(instruction)) arrays.use(index);
      if (instruction.op === 'loadTable') tables.use(instruction.table);
    }
    sites.use(terminator.site);
    if (terminator.op === 'branch') useOperand(terminator.condition);
  }
  for (const index of arrays.order) useOperand(program.arrays[index]!.count);
  for (const index of variables.order) scopes.use(program.variables[index]!.scope);
  for (const index of arrays.order) scopes.use(program.arrays[index]!.scope);
  // Sites lie in scopes, scopes in frames, frames are called at sites.
  for (let known = -1; known !== sites.order.length + scopes.order.length + frames.order.length; ) {
    known = sites.order.length + scopes.order.length + frames.order.length;
    for (const index of [...sites.order]) scopes.use(program.sites[index]!.scope);
    for (const index of [...scopes.order]) {
      const { frame, parent } = program.scopes[index]!;
      frames.use(frame);
      if (parent !== -1) scopes.use(parent);
    }
    for (const index of [...frames.order]) {
      const { callSite } = program.frames[index]!;
      if (callSite !== -1) sites.use(callSite);
    }
  }
  for (const index of frames.order) files.use(program.frames[index]!.file);
  for (const numbers of [variables, params, arrays, tables, sites, scopes, frames, files]) numbers.sort();

  const mapOperand = (operand: Operand): Operand => {
    if (operand.kind === 'variable') return { kind: 'variable', index: variables.of(operand.index) };
    return operand.kind === 'param' ? { kind: 'param', index: params.of(operand.index) } : operand;
  };
  const mapInstruction = (original: Instruction): Instruction => {
    let instruction = mapArrays({ ...mapOperands(original, mapOperand), site: sites.of(original.site) }, arrays);
    const assigned = assignedBy(instruction);
    if (assigned.length === 1) instruction = withResult(instruction, variables.of(assigned[0]!));
    return instruction.op === 'loadTable' ? { ...instruction, table: tables.of(instruction.table) } : instruction;
  };
  const mapTerminator = (terminator: Terminator): Terminator => {
    const site = sites.of(terminator.site);
    if (terminator.op === 'jump') return { ...terminator, site, target: blockOf.get(terminator.target)! };
    if (terminator.op !== 'branch') return { ...terminator, site };
    const [then, otherwise] = [blockOf.get(terminator.then)!, blockOf.get(terminator.else)!];
    return { ...terminator, site, condition: mapOperand(terminator.condition), then, else: otherwise };
  };
  return {
    name: program.name,
    files: files.order.map((index) => program.files[index]!),
    params: params.order.map((index) => program.params[index]!),
    variables: variables.order.map((index) => {
      const variable = program.variables[index]!;
      return { ...variable, scope: scopes.of(variable.scope) };
    }),
    arrays: arrays.order.map((index) => {
      const { name, elementType, count, scope } = program.arrays[index]!;
      return { name, elementType, count: mapOperand(count) as typeof count, scope: scopes.of(scope) };
    }),
    tables: tables.order.map((index) => program.tables[index]!),
    frames: frames.order.map((index) => {
      const frame = program.frames[index]!;
      const callSite = frame.callSite === -1 ? -1 : sites.of(frame.callSite);
      return { ...frame, file: files.of(frame.file), callSite };
    }),
    scopes: scopes.order.map((index) => {
      const { frame, parent } = program.scopes[index]!;
      return { frame: frames.of(frame), parent: parent === -1 ? -1 : scopes.of(parent) };
    }),
    sites: sites.order.map((index) => {
      const site = program.sites[index]!;
      return { ...site, scope: scopes.of(site.scope) };
    }),
    blocks: order.map((block): BasicBlock => {
      const { instructions, terminator } = program.blocks[block]!;
      return { instructions: instructions.map(mapInstruction), terminator: mapTerminator(terminator) };
    }),
  };
}

function mapArrays(instruction: Instruction, arrays: Numbers): Instruction {
  const map = <T extends { readonly kind: string }>(value: T): T =>
    value.kind === 'element' ? { ...value, array: arrays.of((value as unknown as { array: number }).array) } : value;
  switch (instruction.op) {
    case 'clearArray':
      return { ...instruction, array: arrays.of(instruction.array) };
    case 'readElement':
      return { ...instruction, element: map(instruction.element) };
    case 'writeElement':
      return { ...instruction, element: map(instruction.element), a: map(instruction.a) };
    case 'selectElement':
      return { ...instruction, element: map(instruction.element), a: map(instruction.a), b: map(instruction.b) };
    case 'load':
      return { ...instruction, to: instruction.to.map(map) };
    case 'store':
      return { ...instruction, values: instruction.values.map(map) };
    default:
      return instruction;
  }
}

function reversePostorder(blocks: readonly BasicBlock[]): number[] {
  const seen = new Set([0]);
  const order: number[] = [];
  const targetsOf = (block: number): number[] => {
    const { terminator } = blocks[block]!;
    if (terminator.op === 'jump') return [terminator.target];
    return terminator.op === 'branch' ? [terminator.then, terminator.else] : [];
  };
  const stack = [{ block: 0, targets: targetsOf(0) }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const next = top.targets.pop();
    if (next === undefined) {
      order.push(top.block);
      stack.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      stack.push({ block: next, targets: targetsOf(next) });
    }
  }
  return order.reverse();
}
