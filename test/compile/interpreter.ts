import {
  type Instruction,
  isWide,
  type Operand,
  type Program,
  type Source,
  type ValueType,
} from '../../src/program/program.js';
import {
  brev,
  brevll,
  clz,
  clzll,
  ffs,
  ffsll,
  type Kernel,
  mul64hi,
  mulhi,
  type Operation,
  Pointer,
  popc,
  popcll,
  type Register,
  type RegisterArray,
  type ScalarType,
  type Thread,
  umul64hi,
  umulhi,
} from '../../src/simt/index.js';

/** A pointer stays the object that it came from; null is null. */
type Word = number | bigint | boolean | Pointer | null;

/**
 * A kernel that runs a program instruction by instruction: the meaning of `program.ts`, slowly. Visible instructions
 * are performed by the thread, plain accesses by pointers.
 */
export function interpret(
  program: Program,
  onSite: (thread: Thread, site: number) => void = () => {},
): Kernel<unknown> {
  const kernel = function* (t: Thread, args: unknown) {
    const run = new Run(program, t, args);
    let block = program.blocks[0]!;
    for (;;) {
      for (const instruction of block.instructions) {
        onSite(t, instruction.site);
        const operation = run.step(instruction);
        if (operation !== null) run.finish(instruction, yield* operation);
      }
      const { terminator } = block;
      onSite(t, terminator.site);
      switch (terminator.op) {
        case 'jump':
          block = program.blocks[terminator.target]!;
          break;
        case 'branch':
          block = program.blocks[run.get(terminator.condition) === true ? terminator.then : terminator.else]!;
          break;
        case 'exit':
          return;
        case 'throw': {
          const [, name, message] = /^the kernel threw (?:(\w*Error): )?(.*)$/s.exec(terminator.message)!;
          if (name === undefined) throw message;
          throw Object.assign(new Error(message), { name });
        }
      }
    }
  };
  Object.defineProperty(kernel, 'name', { value: program.name });
  return kernel;
}

const TYPE_OF_BYTES: Readonly<Record<number, ScalarType>> = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64' };

class Run {
  readonly #program: Program;
  readonly #thread: Thread;
  readonly #variables: Word[];
  readonly #params: Word[];
  readonly #arrays: RegisterArray<ScalarType>[] = [];

  constructor(program: Program, thread: Thread, args: unknown) {
    this.#program = program;
    this.#thread = thread;
    this.#variables = program.variables.map(({ type }) =>
      isWide(type) ? 0n : type === 'pred' ? false : type === 'ptr' ? null : 0,
    );
    this.#params = program.params.map(({ path, type }) => {
      const value = path.reduce<unknown>((object, name) => (object as Record<string, unknown>)[name], args) as Word;
      const isRight =
        type === 'ptr'
          ? value === null || value instanceof Pointer
          : typeof value === (type === 'u64' ? 'bigint' : type === 'pred' ? 'boolean' : 'number');
      if (!isRight) throw new Error(`argument ${path.join('.')} is ${String(value)}, not ${type}`);
      return value;
    });
    program.arrays.forEach((_, array) => {
      this.#clear(array);
    });
  }

  #clear(array: number): void {
    const { elementType, count } = this.#program.arrays[array]!;
    this.#arrays[array] = this.#thread.registerArray(elementType, this.#number(count));
  }

  get(operand: Operand): Word {
    switch (operand.kind) {
      case 'variable':
        return this.#variables[operand.index]!;
      case 'param':
        return this.#params[operand.index]!;
      case 'constant':
        return operand.type === 'ptr' ? null : operand.value;
      case 'special': {
        if (operand.name === 'laneId') return this.#thread.laneId;
        if (operand.name === 'warpIndex') return this.#thread.threadRank >>> 5;
        const [object, axis] = operand.name.split('.') as ['threadIdx', 'x'];
        return this.#thread[object][axis];
      }
    }
  }

  #number(operand: Operand): number {
    return this.get(operand) as number;
  }
  #pointer(operand: Operand, type: ScalarType): Pointer {
    const pointer = this.get(operand) as Pointer | null;
    if (pointer === null) throw new Error('null pointer');
    return pointer.cast(type) as unknown as Pointer;
  }
  #register({ array, index }: { readonly array: number; readonly index: Operand }): Register {
    return this.#arrays[array]!.at(this.#number(index)) as unknown as Register;
  }
  #source(source: Source): never {
    return (source.kind === 'element' ? this.#register(source) : this.get(source)) as never;
  }

  #set(to: number, value: Word): void {
    const { type } = this.#program.variables[to]!;
    if (!isOfType(value, type)) throw new Error(`${String(value)} in a variable of type ${type}`);
    this.#variables[to] = value;
  }

  /** Does a plain instruction, or gives the operation of a visible one. */
  step(i: Instruction): Operation<unknown> | null {
    const t = this.#thread;
    const word = (operand: Operand): never => this.get(operand) as never;
    switch (i.op) {
      case 'move':
        this.#set(i.to, this.get(i.a));
        return null;
      case 'unary':
        this.#set(i.to, unary(i.operator, i.type, word(i.a)));
        return null;
      case 'binary':
        this.#set(i.to, binary(i.operator, i.type, word(i.a), word(i.b)));
        return null;
      case 'compare': {
        const isPointer = i.type === 'ptr';
        const of = (operand: Operand): number =>
          isPointer ? ((this.get(operand) as Pointer | null)?.address ?? 0) : (this.get(operand) as number);
        const [a, b] = [of(i.a), of(i.b)];
        const results = { eq: a === b, ne: a !== b, lt: a < b, le: a <= b, gt: a > b, ge: a >= b };
        this.#set(i.to, results[i.operator]);
        return null;
      }
      case 'select':
        this.#set(i.to, this.get(this.get(i.condition) === true ? i.a : i.b));
        return null;
      case 'convert':
        this.#set(i.to, convert(i.from, i.type, this.get(i.a)));
        return null;
      case 'address':
        this.#set(i.to, this.#pointer(i.base, TYPE_OF_BYTES[i.elementBytes]!).add(word(i.index)));
        return null;
      case 'loadTable': {
        const value = this.#program.tables[i.table]!.values[this.#number(i.index)];
        if (value === undefined) throw new Error('an index outside of a table');
        this.#set(i.to, value);
        return null;
      }
      case 'clearArray':
        this.#clear(i.array);
        return null;
      case 'readElement':
        this.#set(i.to, this.#register(i.element).value);
        return null;
      case 'writeElement':
        this.#write(i.element, i.a);
        return null;
      case 'selectElement':
        this.#write(i.element, this.get(i.condition) === true ? i.a : i.b);
        return null;
      case 'shared':
        this.#set(i.to, t.shared(i.name, i.elementType, this.#number(i.count)) as unknown as Pointer);
        return null;
      case 'load':
        return this.#load(i);
      case 'store':
        return this.#store(i);
      case 'atomic':
        return this.#atomic(i);
      case 'fence':
        return i.scope === 'block'
          ? t.threadfenceBlock()
          : i.scope === 'device'
            ? t.threadfence()
            : t.threadfenceSystem();
      case 'collective':
        return this.#collective(i);
      case 'barrier': {
        const [id, count] = [this.#number(i.id), this.#number(i.threadCount)];
        if (i.kind === 'arrive') return i.isAligned ? t.barrierArriveAligned(id, count) : t.barrierArrive(id, count);
        return i.isAligned ? t.barrierSyncAligned(id, count) : t.barrierSync(id, count);
      }
      case 'activemask':
        return t.activemask();
    }
  }

  /** Takes the result of a visible instruction. */
  finish(i: Instruction, result: unknown): void {
    if (i.op === 'load') {
      const [target] = i.to;
      if (target!.kind === 'variable') this.#set(target!.index, result as Word);
    } else if ((i.op === 'atomic' || i.op === 'collective') && i.to !== -1) this.#set(i.to, result as Word);
    else if (i.op === 'activemask') this.#set(i.to, result as Word);
  }

  #write(element: { readonly array: number; readonly index: Operand }, source: Source): void {
    const register = this.#register(element);
    if (source.kind === 'element') register.assign(this.#register(source));
    else register.set(this.get(source) as never);
  }

  #load(i: Instruction & { readonly op: 'load' }): Operation<unknown> | null {
    const t = this.#thread;
    const pointer = this.#pointer(i.base, i.elementType);
    const index = this.#number(i.index);
    const [first] = i.to;
    if (i.ordering === 'plain') {
      if (first!.kind === 'variable') this.#set(first!.index, pointer.load(index));
      else pointer.loadInto(this.#register(first as never), index);
      return null;
    }
    const registers = i.to.flatMap((target) => (target.kind === 'element' ? [this.#register(target)] : []));
    if (registers.length === 2) return t.loadVolatileV2(pointer, index, registers[0]!, registers[1]!);
    if (registers.length === 4) return t.loadVolatileV4(pointer as never, index, registers as never);
    if (i.ordering === 'volatile') return t.loadVolatile(pointer, index);
    return i.ordering === 'relaxed' ? t.loadRelaxed(i.scope, pointer, index) : t.loadAcquire(i.scope, pointer, index);
  }

  #store(i: Instruction & { readonly op: 'store' }): Operation<unknown> | null {
    const t = this.#thread;
    const pointer = this.#pointer(i.base, i.elementType);
    const index = this.#number(i.index);
    const values = i.values.map((value) => this.#source(value));
    const [first, second] = values;
    if (i.ordering === 'plain') {
      pointer.store(index, first!);
      return null;
    }
    if (values.length === 2) return t.storeVolatileV2(pointer, index, first!, second!);
    if (values.length === 4) return t.storeVolatileV4(pointer as never, index, values as never);
    if (i.ordering === 'volatile') return t.storeVolatile(pointer, index, first!);
    return i.ordering === 'relaxed'
      ? t.storeRelaxed(i.scope, pointer, index, first!)
      : t.storeRelease(i.scope, pointer, index, first!);
  }

  #atomic(i: Instruction & { readonly op: 'atomic' }): Operation<unknown> {
    const t = this.#thread;
    const pointer = this.#pointer(i.base, i.elementType) as Pointer<'u32'>;
    const index = this.#number(i.index);
    const value = this.#number(i.value);
    switch (i.operator) {
      case 'add':
        if (i.scope === 'block') return t.atomicAddBlock(pointer, index, value);
        return i.scope === 'device' ? t.atomicAdd(pointer, index, value) : t.atomicAddSystem(pointer, index, value);
      case 'sub':
        return t.atomicSub(pointer, index, value, i.scope);
      case 'exch':
        return t.atomicExch(pointer, index, value, i.scope);
      case 'min':
        return t.atomicMin(pointer, index, value, i.scope);
      case 'max':
        return t.atomicMax(pointer, index, value, i.scope);
      case 'inc':
        return t.atomicInc(pointer, index, value, i.scope);
      case 'dec':
        return t.atomicDec(pointer, index, value, i.scope);
      case 'cas':
        return t.atomicCAS(pointer, index, this.#number(i.compare!), value, i.scope);
      case 'and':
        return t.atomicAnd(pointer, index, value, i.scope);
      case 'or':
        return t.atomicOr(pointer, index, value, i.scope);
      case 'xor':
        return t.atomicXor(pointer, index, value, i.scope);
    }
  }

  #collective(i: Instruction & { readonly op: 'collective' }): Operation<unknown> {
    const t = this.#thread;
    const mask = this.#number(i.mask);
    const value = i.value === null ? 0 : (this.get(i.value) as number);
    const a = i.a === null ? 0 : this.#number(i.a);
    const b = i.b === null ? 0 : this.#number(i.b);
    switch (i.operation) {
      case 'sync':
        return t.syncwarp(mask);
      case 'any':
        return t.anySync(mask, value as never);
      case 'all':
        return t.allSync(mask, value as never);
      case 'ballot':
        return t.ballotShifted(mask, value as never, a);
      case 'shfl.idx':
        return t.shflSync(mask, value, a, b);
      case 'shfl.up':
        return t.shflUpSync(mask, value, a, b);
      case 'shfl.down':
        return t.shflDownSync(mask, value, a, b);
      case 'shfl.bfly':
        return t.shflXorSync(mask, value, a, b);
      case 'match.any':
        return t.matchAnyShifted(mask, value, a);
      case 'match.all':
        return t.matchAllSync(mask, value);
      case 'redux.add':
        return t.reduceAddSync(mask, value);
      case 'redux.min':
        return t.reduceMinSync(mask, value);
      case 'redux.max':
        return t.reduceMaxSync(mask, value);
      case 'redux.and':
        return t.reduceAndSync(mask, value);
      case 'redux.or':
        return t.reduceOrSync(mask, value);
      case 'redux.xor':
        return t.reduceXorSync(mask, value);
    }
  }
}

function isOfType(value: Word, type: ValueType): boolean {
  switch (type) {
    case 'pred':
      return typeof value === 'boolean';
    case 'i32':
      return typeof value === 'number' && (value | 0) === value;
    case 'u32':
      return typeof value === 'number' && value >>> 0 === value;
    case 'f64':
      return typeof value === 'number';
    case 'i64':
      return typeof value === 'bigint' && BigInt.asIntN(64, value) === value;
    case 'u64':
      return typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
    case 'ptr':
      return value === null || value instanceof Pointer;
  }
}

/** A result modulo the size of its type. */
function wrap(type: ValueType, value: number | bigint): number | bigint {
  if (typeof value === 'bigint') return type === 'i64' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  return type === 'i32' ? value | 0 : type === 'u32' ? value >>> 0 : value;
}

function unary(operator: string, type: ValueType, a: never): Word {
  const [x, isBig] = [a as number, isWide(type)];
  switch (operator) {
    case 'neg':
      return wrap(type, -x);
    case 'not':
      return type === 'pred' ? !x : wrap(type, ~x);
    case 'popc':
      return isBig ? popcll(a) : popc(x);
    case 'clz':
      return isBig ? clzll(a) : clz(x);
    case 'ffs':
      return isBig ? ffsll(a) : ffs(x);
    case 'brev':
      return isBig ? brevll(a) : brev(x);
    default:
      return Math[operator as 'floor' | 'ceil' | 'trunc' | 'abs'](x);
  }
}

function binary(operator: string, type: ValueType, a: never, b: never): Word {
  if (isWide(type)) return wide(operator, type, a as bigint, b);
  const [x, y] = [a as number, b as number];
  const isFloat = type === 'f64';
  switch (operator) {
    case 'add':
      return wrap(type, x + y);
    case 'sub':
      return wrap(type, x - y);
    case 'mul':
      return isFloat ? x * y : wrap(type, Math.imul(x, y));
    case 'div':
    case 'rem': {
      if (!isFloat && y === 0) throw new RangeError('division by zero');
      return wrap(type, operator === 'div' ? (isFloat ? x / y : Math.trunc(x / y)) : x % y);
    }
    case 'min':
      return Math.min(x, y);
    case 'max':
      return Math.max(x, y);
    case 'and':
      return type === 'pred' ? (a as boolean) && (b as boolean) : wrap(type, x & y);
    case 'or':
      return type === 'pred' ? (a as boolean) || (b as boolean) : wrap(type, x | y);
    case 'xor':
      return type === 'pred' ? (a as boolean) !== (b as boolean) : wrap(type, x ^ y);
    case 'shl':
      return wrap(type, x << y);
    case 'shr':
      return type === 'i32' ? x >> y : x >>> y;
    case 'shlClamp':
      return y >>> 0 > 31 ? 0 : wrap(type, x << y);
    case 'shrClamp':
      return type === 'i32' ? x >> Math.min(y >>> 0, 31) : y >>> 0 > 31 ? 0 : x >>> y;
    case 'mulhi':
      return type === 'i32' ? mulhi(x, y) : umulhi(x, y);
    default:
      throw new Error(operator);
  }
}

function wide(operator: string, type: ValueType, x: bigint, other: number | bigint): Word {
  const y = BigInt(other);
  const count = BigInt.asUintN(32, y);
  switch (operator) {
    case 'add':
      return wrap(type, x + y);
    case 'sub':
      return wrap(type, x - y);
    case 'mul':
      return wrap(type, x * y);
    case 'div':
      return wrap(type, x / y);
    case 'rem':
      return x % y;
    case 'min':
      return x < y ? x : y;
    case 'max':
      return x > y ? x : y;
    case 'and':
      return wrap(type, x & y);
    case 'or':
      return wrap(type, x | y);
    case 'xor':
      return wrap(type, x ^ y);
    case 'shl':
      return wrap(type, x << (count & 63n));
    case 'shr':
      return x >> (count & 63n);
    case 'shlClamp':
      return count > 63n ? 0n : wrap(type, x << count);
    case 'shrClamp':
      return x >> (count > 64n ? 64n : count);
    case 'mulhi':
      return type === 'i64' ? mul64hi(x, y) : umul64hi(x, y);
    default:
      throw new Error(operator);
  }
}

function convert(from: ValueType, type: ValueType, value: Word): Word {
  if (from === 'ptr') return (value as Pointer | null)?.address ?? 0;
  if (from === 'pred') return isWide(type) ? BigInt(value as boolean) : Number(value);
  if (isWide(type)) return wrap(type, BigInt(value as number));
  if (isWide(from)) return type === 'f64' ? Number(value) : wrap(type, Number(BigInt.asIntN(32, value as bigint)));
  return wrap(type, value as number);
}
