import {
  type AccessInstruction,
  emitArithmetic,
  type Instruction,
  isArithmetic,
  isVisible,
  isWide,
  mayThrow,
  type Names,
  type Operand,
  type Program,
  predecessorsOf,
  reversePostorder,
  successorsOf,
  typeOfOperand,
  type ValueType,
} from '../program/index.js';
import { scalarBytes } from '../simt/index.js';
import { AccessWriter } from './emit-access.js';
import { type InfoLayout, infoLayoutOf } from './info.js';
import {
  DEFINED,
  type Layout,
  layoutOf,
  MASK,
  OPERAND_A,
  OPERAND_B,
  PC,
  RANK,
  RESULT,
  THREAD_IDX,
  VALUES,
} from './layout.js';
import { type Provenance, provenanceOf } from './provenance.js';

/** A program as JavaScript. */
export interface Emitted {
  readonly program: Program;
  readonly layout: Layout;
  readonly info: InfoLayout;
  /** Accesses as {@link Runtime.observe} numbers them; empty if the code is not observed. */
  readonly observed: readonly AccessInstruction[];
  /** Body of a function of the names {@link FACTORY_PARAMETERS}; it returns a {@link CompiledCode}. */
  readonly text: string;
}

/** What the text names: the rows as words, doubles and bytes, the block records, the engine's and arithmetic's runtime. */
export const FACTORY_PARAMETERS = ['L', 'D', 'U', 'KI', 'KD', 'H', 'R', 'NONE'] as const;

export interface EmitOptions {
  /** Whether the code tells of each access. */
  readonly isObserved?: boolean;
  /** For tests: replaces instructions before they are written, so that the program is compiled wrongly. */
  readonly plant?: (instruction: Instruction) => Instruction;
}

/** A successor block of more instructions than this is a function of its own if there are several ways to it. */
const DUPLICATED_INSTRUCTIONS = 24;
/** Instructions of a function from which on blocks with several predecessors are no longer repeated in it. */
const FUNCTION_INSTRUCTIONS = 400;

/** Texts differ even for equal programs: V8 would share type feedback between functions of equal text. */
let textCount = 0;

/** Writes a program as JavaScript. `counts`: registers of each array. */
export function emitProgram(
  program: Program,
  counts: readonly number[],
  { plant, isObserved = false }: EmitOptions = {},
): Emitted {
  const planted: Program =
    plant === undefined
      ? program
      : {
          ...program,
          blocks: program.blocks.map((block) => ({ ...block, instructions: block.instructions.map(plant) })),
        };
  const layout = layoutOf(planted, counts);
  const info = infoLayoutOf(planted);
  const writer = new ProgramWriter(planted, layout, info, isObserved);
  const text = writer.write();
  return { program: planted, layout, info, observed: writer.access.observed, text };
}

class ProgramWriter {
  readonly program: Program;
  readonly layout: Layout;
  readonly info: InfoLayout;
  readonly provenance: Provenance;
  readonly access: AccessWriter;
  readonly predecessors: readonly (readonly number[])[];
  /** Place of each block in reverse postorder. */
  readonly place: readonly number[];
  readonly treeCosts = new Map<number, number>();
  /** Entries for blocks that are functions of their own, by block. */
  readonly labels = new Map<number, number>();
  readonly #visibleNumbers = new Map<Instruction, number>();
  readonly #pendingLabels: number[] = [];

  constructor(program: Program, layout: Layout, info: InfoLayout, isObserved: boolean) {
    this.program = program;
    this.layout = layout;
    this.info = info;
    this.provenance = provenanceOf(program);
    this.access = new AccessWriter(layout, this.provenance, isObserved);
    const successors = successorsOf(program);
    this.predecessors = predecessorsOf(successors);
    const place = program.blocks.map(() => -1);
    reversePostorder(successors).forEach((block, at) => {
      place[block] = at;
    });
    this.place = place;
    layout.visible.forEach((visible, number) => {
      if (visible !== null) this.#visibleNumbers.set(visible.instruction, number);
    });
  }

  write(): string {
    const { visible } = this.layout;
    const functions: string[] = [];
    const entries: string[] = [];
    visible.forEach((place, number) => {
      const writer = new FunctionWriter(this, place?.block ?? 0);
      functions.push(writer.writeResume(number, place?.block ?? 0, place === null ? 0 : place.at + 1));
      entries.push(`f${number}`);
    });
    for (let block = this.#pendingLabels.shift(); block !== undefined; block = this.#pendingLabels.shift()) {
      const number = this.labels.get(block)!;
      functions.push(new FunctionWriter(this, block).writeLabel(number, block));
      entries.push(`f${number}`);
    }
    visible.forEach((_, number) => {
      functions.push(laneLoop(number, this.layout.rowWords));
    });
    const accesses = visible.map((place, number) => {
      if (place === null || !['load', 'store', 'atomic'].includes(place.instruction.op)) return 'null';
      functions.push(this.access.writePerform(number, place.instruction));
      return `a${number}`;
    });
    const tables = this.program.tables.map(
      ({ type, values }, index) =>
        `const T${index} = ${{ i32: 'Int32Array', u32: 'Uint32Array', f64: 'Float64Array' }[type]}.of(${values.map(numberText).join(', ')});`,
    );
    return [
      '"use strict";',
      `// ${this.program.name.replace(/[^\w.$-]/g, '_')} ${++textCount}`,
      ...tables,
      this.access.declarations(),
      ...functions,
      `return { resume: [${entries.join(', ')}], run: [${visible.map((_, number) => `r${number}`).join(', ')}], access: [${accesses.join(', ')}], reset() { ${this.access.resetText()} } };`,
    ].join('\n');
  }

  numberOf(instruction: Instruction): number {
    return this.#visibleNumbers.get(instruction)!;
  }

  /** The entry of a block that is a function of its own. */
  labelOf(block: number): number {
    const known = this.labels.get(block);
    if (known !== undefined) return known;
    const number = this.layout.visible.length + this.labels.size;
    this.labels.set(block, number);
    this.#pendingLabels.push(block);
    return number;
  }

  /** Whether there are several ways to a block. */
  isShared(block: number): boolean {
    return block === 0 || this.predecessors[block]!.length > 1;
  }

  /** Instructions of a block and of what only it leads to, up to visible ones. */
  treeCost(block: number): number {
    const known = this.treeCosts.get(block);
    if (known !== undefined) return known;
    // Loops: whoever comes back to it finds this.
    this.treeCosts.set(block, 1000);
    const { instructions, terminator } = this.program.blocks[block]!;
    const visibleAt = instructions.findIndex(isVisible);
    let cost = visibleAt === -1 ? instructions.length + 1 : visibleAt + 1;
    if (visibleAt === -1) {
      const after =
        terminator.op === 'jump'
          ? [terminator.target]
          : terminator.op === 'branch'
            ? [terminator.then, terminator.else]
            : [];
      for (const successor of after) cost += this.isShared(successor) ? 1 : this.treeCost(successor);
    }
    this.treeCosts.set(block, cost);
    return cost;
  }
}

/** What is known on the way through a function. */
interface Path {
  /** Variables, and specials by name, whose JavaScript local has the value. */
  readonly loaded: Set<number | string>;
  /** Loop headers around, innermost last. */
  readonly loops: readonly number[];
  /** Blocks that are written around this place. */
  readonly around: readonly number[];
}

/** Writes one function `f(b, p)`: from an entry to the next visible operations. */
class FunctionWriter implements Names {
  readonly #of: ProgramWriter;
  readonly #entryBlock: number;
  readonly #locals = new Set<string>();
  #lines: string[] = [];
  #path: Path = { loaded: new Set(), loops: [], around: [] };
  #size = 0;

  constructor(of: ProgramWriter, entryBlock: number) {
    this.#of = of;
    this.#entryBlock = entryBlock;
  }

  writeResume(number: number, block: number, at: number): string {
    const visible = this.#of.layout.visible[number];
    if (visible != null) this.#takeResult(visible.instruction);
    this.#block(block, at);
    return this.#function(number);
  }

  writeLabel(number: number, block: number): string {
    this.#enter(block);
    return this.#function(number);
  }

  #function(number: number): string {
    const body = this.#lines.join('\n');
    const locals = this.#locals.size === 0 ? '' : `let ${[...this.#locals].join(', ')};\n`;
    const half = /\bh\b/.test(body) ? 'const h = b >> 1;\n' : '';
    const halfInfo = /\bhp\b/.test(body) ? 'const hp = p >> 1;\n' : '';
    return `function f${number}(b, p) {\n${half}${halfInfo}${locals}${body}\n}`;
  }

  /** The result of the operation that the thread resumes from. */
  #takeResult(instruction: Instruction): void {
    if (instruction.op === 'load') {
      const words = scalarBytes(instruction.elementType) === 8 ? 2 : 1;
      const first = instruction.to.length === 1 ? RESULT : VALUES;
      instruction.to.forEach((target, index) => {
        if (target.kind === 'variable') this.#take(target.index, first + index * words);
      });
    } else if ('to' in instruction && typeof instruction.to === 'number' && instruction.to >= 0) {
      this.#take(instruction.to, RESULT);
    }
  }

  #take(variable: number, word: number): void {
    const { type } = this.#of.program.variables[variable]!;
    if (isWide(type)) this.#emit(this.assignWords(variable, `L[b + ${word}]`, `L[b + ${word + 1}]`));
    else this.#emit(this.assign(variable, readSlot(type, word)));
  }

  // --- Names

  value(operand: Operand): string {
    switch (operand.kind) {
      case 'variable':
        return this.#load(operand.index);
      case 'constant':
        return constantText(operand.value);
      case 'param': {
        const { type } = this.#of.program.params[operand.index]!;
        const word = this.#of.info.params[operand.index]!;
        if (type === 'ptr') return `KD[hp + ${word >> 1}]`;
        return type === 'pred' ? `(KI[p + ${word}] !== 0)` : `KI[p + ${word}]`;
      }
      case 'special':
        return this.#special(operand.name);
      default:
        return operand satisfies never;
    }
  }

  words(operand: Operand): readonly [string, string] {
    switch (operand.kind) {
      case 'variable': {
        const local = this.#load(operand.index);
        return [`${local}l`, `${local}h`];
      }
      case 'constant': {
        const value = BigInt.asUintN(64, BigInt(operand.value));
        return [text32(value & 0xffffffffn), text32(value >> 32n)];
      }
      case 'param': {
        const word = this.#of.info.params[operand.index]!;
        return [`KI[p + ${word}]`, `KI[p + ${word + 1}]`];
      }
      default:
        throw new Error(`[simtwin bug] ${operand.kind} as a 64-bit value`);
    }
  }

  assign(variable: number, expression: string): string {
    const local = this.#declare(variable);
    this.#path.loaded.add(variable);
    const slot = this.#of.layout.slots[variable]!;
    if (slot === -1) return `${local} = ${expression};`;
    const { type } = this.#of.program.variables[variable]!;
    return `${local} = ${expression}; ${writeSlot(type, slot, local)}`;
  }

  assignWords(variable: number, low: string, high: string): string {
    const local = this.#declare(variable);
    this.#locals.add('t');
    this.#path.loaded.add(variable);
    const slot = this.#of.layout.slots[variable]!;
    const store = slot === -1 ? '' : ` L[b + ${slot}] = ${local}l; L[b + ${slot + 1}] = ${local}h;`;
    return `t = ${low}; ${local}h = ${high}; ${local}l = t;${store}`;
  }

  #declare(variable: number): string {
    const local = `v${variable}`;
    if (isWide(this.#of.program.variables[variable]!.type)) {
      this.#locals.add(`${local}l`);
      this.#locals.add(`${local}h`);
    } else this.#locals.add(local);
    return local;
  }

  /** The local of a variable, which has its value from here on. */
  #load(variable: number): string {
    const local = this.#declare(variable);
    if (this.#path.loaded.has(variable)) return local;
    this.#path.loaded.add(variable);
    const slot = this.#of.layout.slots[variable]!;
    const { type } = this.#of.program.variables[variable]!;
    // A variable that nobody has set: the front end has proven that this is not reached.
    if (slot === -1)
      this.#emit(isWide(type) ? `${local}l = 0; ${local}h = 0;` : `${local} = ${type === 'pred' ? false : 0};`);
    else if (isWide(type)) this.#emit(`${local}l = L[b + ${slot}]; ${local}h = L[b + ${slot + 1}];`);
    else this.#emit(`${local} = ${readSlot(type, slot)};`);
    return local;
  }

  #special(name: string): string {
    const known = this.#of.info.specials.get(name);
    if (known !== undefined) return `KI[p + ${known}]`;
    const local = `s_${name.replace('.', '_')}`;
    if (this.#path.loaded.has(name)) return local;
    this.#path.loaded.add(name);
    this.#locals.add(local);
    this.#emit(`${local} = ${threadSpecial(name)};`);
    return local;
  }

  #emit(line: string): void {
    this.#lines.push(line);
  }

  // --- Control flow

  /** Goes on with a block: here, in the loop around, or in a function of its own. */
  #goto(block: number): void {
    const { loops, around } = this.#path;
    if (loops.includes(block)) {
      this.#emit(`continue B${block};`);
      return;
    }
    const isShared = this.#of.isShared(block);
    const mayRepeat =
      this.#of.treeCost(block) <= DUPLICATED_INSTRUCTIONS &&
      this.#size < FUNCTION_INSTRUCTIONS &&
      !around.includes(block);
    if (!isShared || mayRepeat) {
      this.#enter(block);
      return;
    }
    const label = this.#of.labelOf(block);
    // Calls go forwards only, so that they end; backwards the engine goes on.
    if (this.#of.place[block]! > this.#of.place[this.#entryBlock]!) this.#emit(`return f${label}(b, p);`);
    else this.#emit(`L[b + ${PC}] = ${label}; return -1;`);
  }

  /** Writes a block here, as a loop if something behind it comes back to it. */
  #enter(block: number): void {
    const before = this.#path;
    const isHeader = this.#of.predecessors[block]!.some((from) => this.#of.place[from]! >= this.#of.place[block]!);
    if (!isHeader) {
      this.#path = { ...before, around: [...before.around, block] };
      this.#block(block, 0);
      this.#path = before;
      return;
    }
    this.#path = {
      loaded: before.loaded,
      loops: [...before.loops, block],
      around: [...before.around, block],
    };
    const outer = this.#lines;
    this.#lines = [];
    this.#block(block, 0);
    const body = this.#lines;
    this.#lines = outer;
    if (body.some((line) => line.includes(`continue B${block};`))) {
      this.#emit(`B${block}: for (;;) {`);
      this.#lines.push(...body);
      this.#emit('}');
    } else this.#lines.push(...body);
    this.#path = before;
  }

  #block(block: number, at: number): void {
    const { instructions, terminator } = this.#of.program.blocks[block]!;
    for (let index = at; index < instructions.length; index++) {
      const instruction = instructions[index]!;
      this.#size++;
      if (isVisible(instruction)) {
        this.#post(instruction);
        return;
      }
      this.#plain(instruction);
    }
    this.#size++;
    switch (terminator.op) {
      case 'exit':
        this.#emit('return 0;');
        break;
      case 'throw':
        this.#emit(`H.throwKernel(${JSON.stringify(terminator.message)}, ${terminator.site});`);
        break;
      case 'jump':
        this.#goto(terminator.target);
        break;
      case 'branch': {
        const condition = this.value(terminator.condition);
        this.#emit(`if (${condition}) {`);
        this.#branch(terminator.then);
        this.#emit('}');
        this.#branch(terminator.else);
        break;
      }
      default:
        terminator satisfies never;
    }
  }

  /** What is loaded in one branch is not in the other. */
  #branch(block: number): void {
    const before = this.#path;
    this.#path = { ...before, loaded: new Set(before.loaded) };
    this.#goto(block);
    this.#path = before;
  }

  // --- Instructions

  #plain(instruction: Instruction): void {
    if (isArithmetic(instruction)) {
      if (mayThrow(instruction) && !hasConstantDivisor(instruction)) this.#emit(`H.site = ${instruction.site};`);
      // The text of operands first: it may load them.
      const text = emitArithmetic(instruction, this);
      this.#emit(text);
      return;
    }
    const { site } = instruction;
    switch (instruction.op) {
      case 'loadTable':
        this.#emit(this.assign(instruction.to, `T${instruction.table}[${this.value(instruction.index)}]`));
        break;
      case 'clearArray': {
        const { slot, count, elementWords, definedByte } = this.#of.layout.arrays[instruction.array]!;
        this.#emit(`L.fill(0, b + ${slot}, b + ${slot + count * elementWords});`);
        this.#emit(`U.fill(0, b * 4 + ${definedByte}, b * 4 + ${definedByte + count});`);
        break;
      }
      case 'readElement': {
        const { array } = instruction.element;
        const { slot, elementWords, definedByte } = this.#of.layout.arrays[array]!;
        const { elementType } = this.#of.program.arrays[array]!;
        const index = this.#elementIndex(array, instruction.element.index, site);
        const full = (1 << scalarBytes(elementType)) - 1;
        const word = `b + ${slot} + ${times(index, elementWords)}`;
        this.#emit(
          `if (U[b * 4 + ${definedByte} + ${index}] !== ${full}) H.undefinedRegister('${elementType}', ${site});`,
        );
        if (elementWords === 2) this.#emit(this.assignWords(instruction.to, `L[${word}]`, `L[${word} + 1]`));
        else this.#emit(this.assign(instruction.to, normalisedElement(elementType, `L[${word}]`)));
        break;
      }
      case 'writeElement': {
        const index = this.#elementIndex(instruction.element.array, instruction.element.index, site);
        this.#writeElement(instruction.element.array, index, instruction.a, site);
        break;
      }
      case 'selectElement': {
        const index = this.#elementIndex(instruction.element.array, instruction.element.index, site);
        const condition = this.value(instruction.condition);
        const before = this.#path;
        this.#emit(`if (${condition}) {`);
        this.#path = { ...before, loaded: new Set(before.loaded) };
        this.#writeElement(instruction.element.array, index, instruction.a, site);
        this.#emit('} else {');
        this.#path = { ...before, loaded: new Set(before.loaded) };
        this.#writeElement(instruction.element.array, index, instruction.b, site);
        this.#emit('}');
        this.#path = before;
        break;
      }
      case 'shared': {
        const count = this.value(instruction.count);
        const name = JSON.stringify(instruction.name);
        this.#emit(this.assign(instruction.to, `H.shared(${name}, '${instruction.elementType}', ${count}, ${site})`));
        break;
      }
      case 'load':
        this.#plainLoad(instruction);
        break;
      case 'store':
        this.#plainStore(instruction);
        break;
      default:
        throw new Error(`[simtwin bug] ${instruction.op} is no plain instruction`);
    }
  }

  #elementIndex(array: number, index: Operand, site: number): string {
    const { count } = this.#of.layout.arrays[array]!;
    const text = this.value(index);
    if (
      index.kind === 'constant' &&
      Number.isInteger(index.value) &&
      Number(index.value) >= 0 &&
      Number(index.value) < count
    ) {
      return text;
    }
    this.#emit(
      `if (!((${text}) >>> 0 === (${text}) && (${text}) < ${count})) H.registerIndex(${text}, ${count}, ${site});`,
    );
    return text;
  }

  #writeElement(
    array: number,
    index: string,
    a: Operand | { kind: 'element'; array: number; index: Operand },
    site: number,
  ): void {
    const { slot, elementWords, definedByte } = this.#of.layout.arrays[array]!;
    const word = `b + ${slot} + ${times(index, elementWords)}`;
    const defined = `U[b * 4 + ${definedByte} + ${index}]`;
    if (a.kind === 'element') {
      const from = this.#of.layout.arrays[a.array]!;
      const fromIndex = this.#elementIndex(a.array, a.index, site);
      const fromWord = `b + ${from.slot} + ${times(fromIndex, from.elementWords)}`;
      this.#emit(`L[${word}] = L[${fromWord}];`);
      if (elementWords === 2) this.#emit(`L[${word} + 1] = L[${fromWord} + 1];`);
      this.#emit(`${defined} = U[b * 4 + ${from.definedByte} + ${fromIndex}];`);
      return;
    }
    if (elementWords === 2) {
      const [low, high] = this.words(a);
      this.#emit(`L[${word}] = ${low}; L[${word} + 1] = ${high};`);
    } else this.#emit(`L[${word}] = ${this.value(a)};`);
    const { elementType } = this.#of.program.arrays[array]!;
    this.#emit(`${defined} = ${(1 << scalarBytes(elementType)) - 1};`);
  }

  #address(instruction: Extract<Instruction, { op: 'load' | 'store' | 'atomic' }>): string {
    const base = this.value(instruction.base);
    if (instruction.index.kind === 'constant' && Number(instruction.index.value) === 0) return base;
    return `${base} + ${this.value(instruction.index)} * ${scalarBytes(instruction.elementType)}`;
  }

  #plainLoad(instruction: Extract<Instruction, { op: 'load' }>): void {
    const { elementType, to, site } = instruction;
    const { access } = this.#of;
    for (const local of ['q', 'o']) this.#locals.add(local);
    const bytes = scalarBytes(elementType);
    const indices = to.map((target) =>
      target.kind === 'element' ? this.#elementIndex(target.array, target.index, site) : '',
    );
    this.#emit(`q = ${this.#address(instruction)};`);
    const cache = access.cacheOf(instruction);
    this.#emit(access.locate(cache, bytes * to.length, 'load', `${site}`));
    this.#emit(access.observeText(instruction, cache));
    to.forEach((target, index) => {
      const offset = index === 0 ? 'o' : `(o + ${index * bytes})`;
      if (target.kind === 'variable') {
        this.#emit(`if (${cache}.mayHoldUndefined) H.checkDefined(${cache}, '${elementType}', ${offset}, ${site});`);
        if (bytes === 8) {
          const word = `(${offset} >>> 2)`;
          this.#emit(this.assignWords(target.index, `${cache}.i32[${word}]`, `${cache}.i32[${word} + 1]`));
        } else this.#emit(this.assign(target.index, access.readText(cache, elementType, offset)));
        return;
      }
      const { slot, elementWords, definedByte } = this.#of.layout.arrays[target.array]!;
      const at = indices[index]!;
      const word = `b + ${slot} + ${times(at, elementWords)}`;
      if (bytes === 8) {
        this.#emit(`L[${word}] = ${cache}.i32[${offset} >>> 2]; L[${word} + 1] = ${cache}.i32[(${offset} >>> 2) + 1];`);
      } else this.#emit(`L[${word}] = ${access.readText(cache, elementType, offset)};`);
      const full = (1 << bytes) - 1;
      this.#emit(
        `U[b * 4 + ${definedByte} + ${at}] = ${cache}.mayHoldUndefined ? ${cache}.definedBits(${offset}, ${bytes}) : ${full};`,
      );
    });
  }

  #plainStore(instruction: Extract<Instruction, { op: 'store' }>): void {
    const { elementType, values, site } = instruction;
    const { access } = this.#of;
    for (const local of ['q', 'o']) this.#locals.add(local);
    const bytes = scalarBytes(elementType);
    // Operands are loaded, and indices checked, before the access.
    const sources = values.map((value) => this.#sourceText(value, bytes, site));
    this.#emit(`q = ${this.#address(instruction)};`);
    const cache = access.cacheOf(instruction);
    this.#emit(access.locate(cache, bytes * values.length, 'store', `${site}`));
    this.#emit(access.observeText(instruction, cache));
    const isSame = bytes >= 4 ? `${cache}.i32[o >>> 2] === (${sources[0]!.words[0]})` : 'false';
    this.#emit(`if (!(${isSame})) H.storedPlainly = true;`);
    this.#emit(
      access.storeText(
        cache,
        elementType,
        sources.map(({ words }) => words),
        sources.map(({ defined }) => defined),
      ),
    );
    this.#emit(`if (${cache}.watched) H.stored(${cache}, o, ${bytes * values.length}, b, ${site});`);
    this.#emit(access.storedText);
  }

  /** Expressions for the words of what is stored; `defined` is null if all bytes are. */
  #sourceText(
    source: Operand | { kind: 'element'; array: number; index: Operand },
    bytes: number,
    site: number,
  ): { words: readonly string[]; defined: string | null } {
    if (source.kind === 'element') {
      const { slot, elementWords, definedByte } = this.#of.layout.arrays[source.array]!;
      const index = this.#elementIndex(source.array, source.index, site);
      const word = `b + ${slot} + ${times(index, elementWords)}`;
      const words = elementWords === 2 ? [`L[${word}]`, `L[${word} + 1]`] : [`L[${word}]`];
      return { words, defined: `U[b * 4 + ${definedByte} + ${index}]` };
    }
    if (bytes === 8) return { words: this.words(source), defined: null };
    return { words: [this.#asNumber(source)], defined: null };
  }

  /** A value as a number; true is 1. */
  #asNumber(operand: Operand): string {
    const text = this.value(operand);
    return typeOfOperand(this.#of.program, operand) === 'pred' ? `(${text} ? 1 : 0)` : text;
  }

  /** The thread has come to a visible instruction: its operands go to the row, its number is returned. */
  #post(instruction: Instruction): void {
    const number = this.#of.numberOf(instruction);
    const { site } = instruction;
    switch (instruction.op) {
      case 'load': {
        const words = scalarBytes(instruction.elementType) === 8 ? 2 : 1;
        this.#emit(`D[h + ${OPERAND_A >> 1}] = ${this.#address(instruction)};`);
        instruction.to.forEach((target, index) => {
          if (target.kind !== 'element') return;
          const at = this.#elementIndex(target.array, target.index, site);
          if (target.index.kind !== 'constant') this.#emit(`L[b + ${VALUES + index * words}] = ${at};`);
        });
        break;
      }
      case 'store': {
        const bytes = scalarBytes(instruction.elementType);
        const sources = instruction.values.map((value) => this.#sourceText(value, bytes, site));
        this.#emit(`D[h + ${OPERAND_A >> 1}] = ${this.#address(instruction)};`);
        sources.forEach(({ words }, index) => {
          words.forEach((word, part) => {
            this.#emit(`L[b + ${VALUES + index * words.length + part}] = ${word};`);
          });
        });
        if (sources.some(({ defined }) => defined !== null)) {
          const full = (1 << bytes) - 1;
          const parts = sources.map(({ defined }, index) => `(${defined ?? full}) << ${index * bytes}`);
          this.#emit(`L[b + ${DEFINED}] = ${parts.join(' | ')};`);
        }
        break;
      }
      case 'atomic': {
        const isWord64 = scalarBytes(instruction.elementType) === 8;
        this.#emit(`D[h + ${OPERAND_A >> 1}] = ${this.#address(instruction)};`);
        this.#postValue(instruction.value, VALUES, isWord64);
        if (instruction.compare !== null) this.#postValue(instruction.compare, VALUES + 2, isWord64);
        break;
      }
      case 'collective': {
        const { mask, value, a, b, type } = instruction;
        const member = mask.kind === 'constant' ? `${Number(mask.value) | 0}` : this.value(mask);
        this.#emit(`L[b + ${MASK}] = ${member};`);
        if (value !== null) {
          const isDouble = type === 'f64' && typeOfOperand(this.#of.program, value) !== 'pred';
          if (isDouble) this.#emit(`D[h + ${VALUES >> 1}] = ${this.value(value)};`);
          else this.#postValue(value, VALUES, isWide(typeOfOperand(this.#of.program, value)));
        }
        if (a !== null) this.#emit(`D[h + ${OPERAND_A >> 1}] = ${this.value(a)};`);
        if (b !== null) this.#emit(`D[h + ${OPERAND_B >> 1}] = ${this.value(b)};`);
        break;
      }
      case 'barrier':
        this.#emit(`L[b + ${MASK}] = ${instruction.isAligned ? 1 : 0};`);
        this.#emit(`D[h + ${OPERAND_A >> 1}] = ${this.value(instruction.id)};`);
        this.#emit(`D[h + ${OPERAND_B >> 1}] = ${this.value(instruction.threadCount)};`);
        break;
      default:
        break;
    }
    this.#emit(`L[b + ${PC}] = ${number}; return ${number};`);
  }

  #postValue(operand: Operand, word: number, isWord64: boolean): void {
    if (!isWord64) {
      this.#emit(`L[b + ${word}] = ${this.#asNumber(operand)};`);
      return;
    }
    const [low, high] = this.words(operand);
    this.#emit(`L[b + ${word}] = ${low}; L[b + ${word + 1}] = ${high};`);
  }
}

/**
 * A function that resumes lanes at entry `number`, lowest first, while they are there and come to one and the same
 * visible instruction, which it returns. `H.rest` becomes the lanes that are left; `H.odd`, what the lowest of these
 * has come to, unless it has not been resumed.
 */
const laneLoop = (number: number, rowWords: number): string => `function r${number}(w, lanes, p) {
let n = 0, rest = lanes;
try {
do {
const b = w + (31 - Math.clz32(rest & -rest)) * ${rowWords};
if (L[b + ${PC}] !== ${number}) break;
const k = f${number}(b, p);
if (k !== n || k === 0) {
if (n !== 0 || k <= 0) { H.odd = k; break; }
n = k;
}
rest &= rest - 1;
} while (rest !== 0);
} finally { H.rest = rest; }
return n;
}`;

/** `index * words`; an index that is a constant is multiplied here. */
const times = (index: string, words: number): string => {
  if (words === 1) return index;
  return /^\d+$/.test(index) ? `${Number(index) * words}` : `${index} * ${words}`;
};

/** A division by a constant that is not 0 does not throw. */
const hasConstantDivisor = (instruction: Instruction): boolean =>
  instruction.op === 'binary' && instruction.b.kind === 'constant' && Number(instruction.b.value) !== 0;

function threadSpecial(name: string): string {
  switch (name) {
    case 'threadIdx.x':
      return `L[b + ${THREAD_IDX}] & 1023`;
    case 'threadIdx.y':
      return `(L[b + ${THREAD_IDX}] >>> 10) & 1023`;
    case 'threadIdx.z':
      return `L[b + ${THREAD_IDX}] >>> 20`;
    case 'laneId':
      return `L[b + ${RANK}] & 31`;
    case 'warpIndex':
      return `L[b + ${RANK}] >>> 5`;
    default:
      throw new Error(`[simtwin bug] no special ${name}`);
  }
}

/** A value of at most one word, or a double, in a row. */
function readSlot(type: ValueType, slot: number): string {
  switch (type) {
    case 'pred':
      return `L[b + ${slot}] !== 0`;
    case 'u32':
      return `L[b + ${slot}] >>> 0`;
    case 'f64':
    case 'ptr':
      return `D[h + ${slot >> 1}]`;
    default:
      return `L[b + ${slot}]`;
  }
}

function writeSlot(type: ValueType, slot: number, local: string): string {
  if (type === 'f64' || type === 'ptr') return `D[h + ${slot >> 1}] = ${local};`;
  return `L[b + ${slot}] = ${type === 'pred' ? `${local} ? 1 : 0` : local};`;
}

function normalisedElement(type: string, word: string): string {
  switch (type) {
    case 'i8':
      return `(${word} << 24) >> 24`;
    case 'u8':
      return `${word} & 255`;
    case 'i16':
      return `(${word} << 16) >> 16`;
    case 'u16':
      return `${word} & 65535`;
    case 'i32':
      return word;
    default:
      return `${word} >>> 0`;
  }
}

const text32 = (word: bigint): string => {
  const value = Number(BigInt.asIntN(32, word));
  return value < 0 ? `(${value})` : `${value}`;
};

function constantText(value: number | bigint | boolean): string {
  return typeof value === 'boolean' ? `${value}` : numberText(Number(value));
}

function numberText(value: number): string {
  if (Object.is(value, -0)) return '(-0)';
  return value < 0 ? `(${value})` : `${value}`;
}
