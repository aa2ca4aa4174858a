import { Random } from '../../src/simt/index.js';

/** Words of each array that a random kernel reads. */
export const INPUT_WORDS = 16;
/** Words that each thread writes. */
export const OUTPUT_WORDS = 64;

/**
 * The source of a kernel with numbers, bigints, booleans and structure chosen by a seed. It always ends, and every
 * thread writes what its variables hold.
 */
export function randomKernel(seed: number): string {
  return new Generator(seed).kernel();
}

type Type = 'num' | 'big' | 'bool';

interface Name {
  readonly text: string;
  readonly type: Type;
  readonly isConstant: boolean;
}

class Generator {
  readonly #random: Random;
  #names: Name[] = [];
  #count = 0;
  /** Statements may still be made. */
  #budget = 28;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  #below(bound: number): number {
    return this.#random.nextBelow(bound);
  }
  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)]!;
  }
  #chance(percent: number): boolean {
    return this.#below(100) < percent;
  }

  kernel(): string {
    const lines: string[] = [];
    this.#declare(lines, '  ');
    for (let k = 0; k < 4; k++) lines.push(...this.#statement(2, true, null));
    while (this.#budget > 0) lines.push(...this.#statement(2, true, null));
    const stores: string[] = [];
    for (const { text, type } of this.#names.slice(0, 9)) {
      if (type === 'num') {
        stores.push(`put(u32(${text}));`, `put(u32(Math.floor(${text} / 4294967296)));`, `put(u32(${text} * 1024));`);
        stores.push(`put(Number(${text} < 0));`, `put(Number(${text} !== ${text}));`);
      } else if (type === 'big') {
        stores.push(`put(Number(BigInt.asUintN(32, ${text})));`, `put(Number(BigInt.asUintN(32, ${text} >> 32n)));`);
        stores.push(`put(Number(${text} < 0n));`);
      } else stores.push(`put(Number(${text}));`);
    }
    return `import { brev, clz, divI32, ffs, FULL_MASK, i32, i64, type KernelBody, type Operation, type Pointer, popc, popcll, remI32, shlB32, shrS32, shrU32, shlB64, type Thread, u32, u64, mulhi, umulhi } from 'simtwin';

interface Args {
  readonly n: number;
  readonly m: number;
  readonly big: bigint;
  readonly flag: boolean;
  readonly words: Pointer<'u32'>;
  readonly ints: Pointer<'i32'>;
  readonly bytes: Pointer<'i8'>;
  readonly longs: Pointer<'u64'>;
  readonly out: Pointer<'u32'>;
}

const TABLE = [3, -1, 4294967295, 0.5, 7, 12, 100, 31];
const WORDS = [1, 2, 4, 8, 16, 32, 64, 128];

function early(x: number, y: number): number {
  if (x < y) return x;
  for (let k = 0; k < 3; k++) {
    if (((x >> k) & 1) === 1) return y + k;
  }
  return x - y;
}

const vote = (t: Thread, isAny: boolean, p: boolean): Operation<boolean> => (isAny ? t.anySync(FULL_MASK, p) : t.allSync(FULL_MASK, p));

class Counter {
  count = 0;
  readonly step: number;
  constructor(step: number) {
    this.step = step;
  }
  advance(by: number): number {
    if (by < 0) return this.count;
    this.count = (this.count + this.step + by) | 0;
    return this.count;
  }
}

export function* kernel(t: Thread, args: Args): KernelBody {
  const { n, m, big, flag, words, ints, bytes, longs, out } = args;
  const counter = new Counter(n & 7);
  let at = t.globalThreadIdx * ${OUTPUT_WORDS};
  const last = at + ${OUTPUT_WORDS};
  const put = (word: number): void => {
    if (at < last) out.store(at, word);
    at++;
  };
${lines.join('\n')}
  ${stores.join('\n  ')}
}
`;
  }

  #declare(lines: string[], indent: string): void {
    for (const type of ['num', 'num', 'big', 'bool', 'num'] as const) {
      const isConstant = this.#chance(30);
      const value = this.#expression(type, 2);
      const text = this.#name(type, isConstant);
      lines.push(`${indent}${isConstant ? 'const' : 'let'} ${text} = ${value};`);
    }
  }

  #name(type: Type, isConstant: boolean): string {
    const text = `${type}${this.#count++}`;
    this.#names.push({ text, type, isConstant });
    return text;
  }

  /** `isUniform`: all threads come here, so that they may wait for each other. */
  #statement(depth: number, isUniform: boolean, loop: 'for' | null): string[] {
    this.#budget--;
    const indent = '  '.repeat(Math.max(1, 4 - depth));
    const nested = (inLoop: 'for' | null) => {
      const names = this.#names;
      this.#names = [...names];
      const lines = Array.from({ length: 1 + this.#below(3) }, () => this.#statement(depth - 1, false, inLoop)).flat();
      this.#names = names;
      return lines.map((line) => `  ${line}`);
    };
    const kind = this.#below(depth > 0 ? 15 : 7);
    const variables = this.#names.filter(({ isConstant }) => !isConstant);
    switch (kind) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const variable = variables.length === 0 ? null : this.#pick(variables);
        if (variable === null) return [];
        const { text, type } = variable;
        if (type === 'num' && this.#chance(25))
          return [
            `${indent}${text} ${this.#pick(['+=', '-=', '*=', '&=', '|=', '^=', '<<=', '>>=', '>>>='])} ${this.#expression('num', 2)};`,
          ];
        if (type === 'num' && this.#chance(15)) return [`${indent}${text}${this.#pick(['++', '--'])};`];
        return [`${indent}${text} = ${this.#expression(type, 3)};`];
      }
      case 4: {
        const type = this.#pick<Type>(['num', 'big', 'bool']);
        const value = this.#expression(type, 3);
        const isConstant = this.#chance(60);
        return [`${indent}${isConstant ? 'const' : 'let'} ${this.#name(type, isConstant)} = ${value};`];
      }
      case 5:
        return [`${indent}counter.advance(${this.#expression('num', 2)});`];
      case 6:
        if (loop !== null && this.#chance(60))
          return [`${indent}if (${this.#expression('bool', 2)}) ${this.#pick(['break', 'continue'])};`];
        return [`${indent}put(u32(${this.#expression('num', 2)}));`];
      case 7:
      case 8:
        return [
          `${indent}if (${this.#expression('bool', 3)}) {`,
          ...nested(loop),
          ...(this.#chance(50) ? [`${indent}} else {`, ...nested(loop)] : []),
          `${indent}}`,
        ];
      case 9: {
        const counter = `k${this.#count++}`;
        const bound = this.#pick(['3', '5', '(n & 7)', '(t.laneId % 5)', 'WORDS.length']);
        const step = this.#pick([`${counter}++`, `${counter} += 2`]);
        this.#names.push({ text: counter, type: 'num', isConstant: true });
        const body = nested('for');
        this.#names = this.#names.filter(({ text }) => text !== counter);
        return [`${indent}for (let ${counter} = 0; ${counter} < ${bound}; ${step}) {`, ...body, `${indent}}`];
      }
      case 10: {
        const item = `item${this.#count++}`;
        this.#names.push({ text: item, type: 'num', isConstant: true });
        const body = nested('for');
        this.#names = this.#names.filter(({ text }) => text !== item);
        return [
          `${indent}for (const ${item} of ${this.#pick(['TABLE', 'WORDS', '[1, n, 3]'])}) {`,
          ...body,
          `${indent}}`,
        ];
      }
      case 11:
        return [
          `${indent}switch (${this.#expression('num', 2)} & 3) {`,
          `${indent}  case 0:`,
          ...nested(null),
          ...(this.#chance(50) ? [`${indent}    break;`] : []),
          `${indent}  case 2:`,
          ...nested(null),
          `${indent}    break;`,
          `${indent}  default:`,
          ...nested(null),
          `${indent}}`,
        ];
      case 12: {
        const counter = `w${this.#count++}`;
        return [
          `${indent}let ${counter} = 0;`,
          `${indent}do {`,
          ...nested('for'),
          `${indent}} while (${this.#expression('bool', 2)} && ++${counter} < 4);`,
        ];
      }
      default: {
        if (!isUniform) return [`${indent}put(u32(${this.#expression('num', 2)}));`];
        if (kind === 13) {
          const operation = this.#pick([
            `t.shflXorSync(FULL_MASK, i32(${this.#expression('num', 2)}), ${1 + this.#below(31)})`,
            `t.ballotSync(FULL_MASK, ${this.#expression('bool', 2)})`,
            `t.reduceAddSync(FULL_MASK, i32(${this.#expression('num', 2)}))`,
            `t.loadVolatile(words, ${this.#expression('num', 1)} & 15)`,
          ]);
          return [`${indent}const ${this.#name('num', true)} = yield* ${operation};`];
        }
        const vote = `vote(t, ${this.#pick(['true', 'false'])}, ${this.#expression('bool', 2)})`;
        return [`${indent}const ${this.#name('bool', true)} = yield* ${vote};`];
      }
    }
  }

  #expression(type: Type, depth: number): string {
    return type === 'num' ? this.#number(depth) : type === 'big' ? this.#bigint(depth) : this.#boolean(depth);
  }

  #variable(type: Type): string | null {
    const names = this.#names.filter((name) => name.type === type);
    return names.length === 0 ? null : this.#pick(names).text;
  }

  #number(depth: number): string {
    const n = (by = 1) => this.#number(depth - by);
    if (depth <= 0 || this.#chance(15)) {
      const variable = this.#variable('num');
      if (variable !== null && this.#chance(60)) return variable;
      return this.#pick([
        ...['0', '1', '2', '7', '31', '255', '-1', '(-5)', '0.5', '2147483647', '4294967295', '65536', '1e10'],
        ...['t.threadIdx.x', 't.laneId', 'n', 'm', 't.threadRank', 't.lanemaskLt', 't.globalThreadIdx', 't.blockIdx.x'],
        ...['counter.count', 'args.n', 't.blockDim.x'],
      ]);
    }
    switch (this.#below(22)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return `(${n()} ${this.#pick(['+', '-', '*', '+', '-'])} ${n()})`;
      case 4:
      case 5:
        return `(${n()} ${this.#pick(['&', '|', '^', '<<', '>>', '>>>'])} ${n()})`;
      case 6:
        return `((${n()} ${this.#pick(['+', '-', '*'])} ${n()}) ${this.#pick(['| 0', '>>> 0'])})`;
      case 7:
        return `(${n()} ${this.#pick(['%', '/'])} ${this.#pick([n(), '8', '32', '(t.laneId + 1)', '(-3)'])})`;
      case 8:
        return `Math.${this.#pick(['floor', 'ceil', 'trunc', 'abs'])}(${this.#chance(50) ? n() : `${n()} / ${this.#pick(['2', '3', '(n & 3)', '-4'])}`})`;
      case 9:
        return `Math.${this.#pick(['min', 'max', 'imul'])}(${n()}, ${n()})`;
      case 10:
        return `${this.#pick(['popc', 'clz', 'ffs', 'brev', 'i32', 'u32'])}(${n()})`;
      case 11:
        return `${this.#pick(['divI32', 'remI32'])}(i32(${n()}), i32(${n()}) | 1)`;
      case 12:
        return `${this.#pick(['shlB32', 'shrU32', 'shrS32'])}(u32(${n()}), ${this.#pick(['u32', 'popc'])}(${n()}))`;
      case 13:
        return `words.load(${n()} & 15)`;
      case 14:
        return `ints.load(${n()} & 15)`;
      case 15:
        return `bytes.load(${n()} & 15)`;
      case 16:
        return `${this.#pick(['TABLE', 'WORDS'])}[${n()} & 7]!`;
      case 17:
        return `(${this.#boolean(depth - 1)} ? ${n()} : ${n()})`;
      case 18:
        return `Number(${this.#chance(50) ? this.#boolean(depth - 1) : `BigInt.asIntN(32, ${this.#bigint(depth - 1)})`})`;
      case 19:
        return `early(${n()}, ${n()})`;
      case 20:
        return this.#pick([`-${n()}`, `~${n()}`, `+${n()}`])
          .replace('--', '- -')
          .replace('++', '+ +');
      default:
        return `${this.#pick(['mulhi', 'umulhi'])}(${n()}, ${n()})`;
    }
  }

  #bigint(depth: number): string {
    const b = () => this.#bigint(depth - 1);
    if (depth <= 0 || this.#chance(15)) {
      const variable = this.#variable('big');
      if (variable !== null && this.#chance(60)) return variable;
      return this.#pick(['0n', '1n', '-1n', '12345678901234567890n', 'big', '0x8000000000000000n', '255n']);
    }
    const wrap = this.#pick(['u64', 'i64', 'u64']);
    switch (this.#below(11)) {
      case 0:
      case 1:
      case 2:
        return `${wrap}(${b()} ${this.#pick(['+', '-', '*'])} ${b()})`;
      case 3:
        return `${wrap}((${b()} ${this.#pick(['&', '|', '^'])} ${b()}) + 1n)`;
      case 4:
        return `(u64(${b()}) ${this.#pick(['/', '%'])} (u64(${b()}) | 1n))`;
      case 5:
        return `${wrap}(${b()} << BigInt(${this.#number(depth - 1)} & 31))`;
      case 6:
        return `(${wrap}(${b()}) >> ${this.#below(70)}n)`;
      case 7:
        return `longs.load(${this.#number(depth - 1)} & 15)`;
      case 8:
        return `BigInt(${this.#pick(['i32', 'u32', 'popc'])}(${this.#number(depth - 1)}))`;
      case 9:
        return `(${this.#boolean(depth - 1)} ? ${wrap}(${b()}) : ${wrap}(${b()}))`;
      default:
        return `${this.#pick(['BigInt.asUintN', 'BigInt.asIntN'])}(${this.#pick([8, 32, 33, 64])}, ${this.#chance(40) ? `shlB64(u64(${b()}), popc(${this.#number(depth - 1)}))` : b()})`;
    }
  }

  #boolean(depth: number): string {
    if (depth <= 0 || this.#chance(10)) {
      const variable = this.#variable('bool');
      if (variable !== null && this.#chance(50)) return variable;
      return this.#pick(['flag', 'true', 'false', '(t.laneId === 3)', '(n > 5)']);
    }
    switch (this.#below(6)) {
      case 0:
      case 1:
        return `(${this.#number(depth - 1)} ${this.#pick(['<', '<=', '>', '>=', '===', '!=='])} ${this.#number(depth - 1)})`;
      case 2:
        return `(u64(${this.#bigint(depth - 1)}) ${this.#pick(['<', '>=', '===', '!=='])} u64(${this.#bigint(depth - 1)}))`;
      case 3:
        return `!${this.#boolean(depth - 1)}`;
      default:
        return `(${this.#boolean(depth - 1)} ${this.#pick(['&&', '||', '===', '!=='])} ${this.#boolean(depth - 1)})`;
    }
  }
}
