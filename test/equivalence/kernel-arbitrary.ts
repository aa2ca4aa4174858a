import fc from 'fast-check';
import {
  BLOCKS,
  type ClassAst,
  EXPR_TYPES,
  type Expr,
  type ExprType,
  FAULTS,
  type FunctionAst,
  GRIDS,
  type KernelCase,
  type StatementName,
  type Stmt,
  threadsOf,
} from './kernel-ast.js';
import { OPERATORS, OPERATORS_OF } from './operators.js';
import { printKernel } from './print-kernel.js';
import { RandomSource } from './random-source.js';
import { shrinkKernel } from './shrink-kernel.js';

/** Most visible operations of all threads of a launch, about: so that a run takes milliseconds. */
const MOST_STEPS = 8_000;

const LITERALS = [0, 1, -1, 2, 3, 7, 31, 32, 255, -128, 65535, 0x7fffffff, -0x80000000, 0x12345678, -1000003];

const OPERATOR_SHARE = 0.62;

class Generator {
  readonly #random: RandomSource;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  expr(type: ExprType, depth: number): Expr {
    const random = this.#random;
    if (depth > 0 && random.chance(OPERATOR_SHARE)) {
      const op = random.pick(OPERATORS_OF[type]);
      const { args } = OPERATORS.get(op)!;
      return { op, type, n: random.below(64), args: args.map((arg) => this.expr(arg, depth - 1)) };
    }
    const op = random.weighted([
      ['variable', 12],
      ['literal', 4],
      ['special', 4],
      ['argument', 2],
      ['load', 5],
      ['call', depth > 0 ? 3 : 0],
    ] as const);
    if (op === 'literal') {
      const n = random.chance(0.7) ? random.pick(LITERALS) : random.word() | 0;
      return { op, type, n, args: [] };
    }
    const args =
      op === 'load'
        ? [this.expr('i32', depth - 1)]
        : op === 'call'
          ? Array.from({ length: 3 }, () => this.expr(random.pick(EXPR_TYPES), depth - 1))
          : [];
    // Small numbers: the variable that was computed last.
    const n = op === 'variable' ? Math.floor(random.below(8) * (random.below(8) / 8)) : random.below(64);
    return { op, type, n, args };
  }

  anyType(): ExprType {
    return this.#random.weighted([
      ['i32', 6],
      ['u32', 4],
      ['f64', 3],
      ['bool', 2],
      ['u64', 3],
      ['i64', 3],
    ] as const);
  }

  #statement(op: StatementName, types: readonly ExprType[], bodies: readonly (readonly Stmt[])[] = []): Stmt {
    const random = this.#random;
    return {
      op,
      n: Array.from({ length: 5 }, () => random.below(64)),
      exprs: types.map((type) => this.expr(type, random.pick([0, 1, 2, 2, 3]))),
      bodies,
    };
  }

  statement(depth: number, weights: Weights): Stmt {
    return this.statementOf(this.#random.weighted(depth > 0 ? weights.all : weights.leaves), depth, weights);
  }

  statementOf(op: StatementName, depth: number, weights: Weights): Stmt {
    const random = this.#random;
    const body = () => this.body(depth - 1, 4, weights);
    switch (op) {
      case 'let':
      case 'set':
      case 'bump':
        return this.#statement(op, [this.anyType()]);
      case 'if':
        return this.#statement(op, ['bool'], [body(), random.chance(0.6) ? body() : []]);
      case 'loop':
        if (depth > 1 && random.chance(0.25)) return this.#nest(weights);
        if (weights.all.some(([other]) => other === 'regNew') && random.chance(0.2)) return this.#registerLoop(weights);
        return this.#statement(op, ['i32'], [body()]);
      case 'switch':
        return this.#statement(op, ['i32'], [body(), body(), random.chance(0.5) ? body() : []]);
      case 'jump':
        return this.#statement(op, ['bool']);
      case 'return':
        return this.#statement(op, ['bool', 'i32', 'u32', 'f64', 'bool', 'u64', 'i64']);
      case 'scope':
        return this.#statement(op, [], [body()]);
      case 'store':
      case 'pointer':
      case 'regNew':
      case 'regSet':
      case 'regMove':
      case 'regStore':
      case 'atomicOwn':
      case 'atomicAcc':
        return this.#statement(op, ['i32', 'i32', 'u32', 'u64', 'i64', 'bool']);
      case 'load':
      case 'regLoad':
      case 'regRead':
      case 'scan':
      case 'waterfall':
        return this.#statement(op, ['i32']);
      case 'fence':
      case 'sync':
        return this.#statement(op, []);
      case 'callGen':
      case 'callMethod':
      case 'new':
        return this.#statement(op, [this.anyType(), this.anyType(), this.anyType()]);
      case 'collective':
        return this.#statement(op, ['bool', 'i32', 'u32', 'u64']);
      case 'shuffle':
        return this.#statement(op, ['i32', 'u32', 'f64', 'u64', 'i64']);
      case 'tile':
        return this.#statement(op, ['i32', 'bool', 'u32', 'f64', 'u64', 'i64']);
      case 'lazyVote':
        return this.#statement(op, ['bool', 'bool']);
      case 'barrier':
      case 'sharedOwn':
      case 'exchange':
      case 'sharedRound':
      case 'signal':
      case 'produce':
        return this.#statement(op, ['bool', 'u32']);
      default:
        return op satisfies never;
    }
  }

  /** A loop in a loop, and a jump out of both, or to the outer one's next round. */
  #nest(weights: Weights): Stmt {
    const mode = this.#random.below(3);
    const loop = (body: readonly Stmt[]): Stmt => {
      const made = this.#statement('loop', ['i32'], [body]);
      return { ...made, n: made.n.map((n, at) => (at === 1 ? 4 * n + mode : n)) };
    };
    const jump = this.#statement('jump', ['bool']);
    const inner = [
      ...this.body(0, 2, weights),
      { ...jump, n: [jump.n[0]!, 1, jump.n[2]!] },
      ...this.body(0, 2, weights),
    ];
    return loop([...this.body(0, 2, weights), loop(inner), ...this.body(0, 1, weights)]);
  }

  /** A loop with registers of its own, which are undefined again in each round: they are stored before they are set. */
  #registerLoop(weights: Weights): Stmt {
    const made = this.statementOf('regNew', 0, weights);
    const use = (op: StatementName): Stmt => {
      const s = this.statementOf(op, 0, weights);
      return { ...s, n: [0, 0, ...s.n.slice(2)] };
    };
    const body = [
      { ...made, n: made.n.map((n, at) => (at === 2 ? n | 1 : n)) },
      use('regStore'),
      ...this.body(0, 2, weights),
      use(this.#random.pick(['regSet', 'regLoad'])),
    ];
    return this.#statement('loop', ['i32'], [body]);
  }

  body(depth: number, most: number, weights: Weights): Stmt[] {
    const count = 1 + this.#random.below(most);
    return Array.from({ length: count }, () => this.statement(depth, weights));
  }

  function(kind: FunctionAst['kind']): FunctionAst {
    const random = this.#random;
    return {
      kind,
      diverges: random.chance(0.4),
      params: Array.from({ length: random.below(4) }, () => this.anyType()),
      body: this.body(2, 4, kind === 'plain' ? PLAIN : IN_FUNCTIONS),
      result: this.expr(this.anyType(), 2),
    };
  }

  class(): ClassAst {
    const random = this.#random;
    return {
      fields: Array.from({ length: 1 + random.below(3) }, () => this.expr(this.anyType(), 1)),
      methods: Array.from({ length: 1 + random.below(2) }, () => this.function(random.chance(0.5) ? 'plain' : 'group')),
    };
  }

  many<T>(chance: number, make: () => T): T[] {
    const made: T[] = [];
    while (made.length < 3 && this.#random.chance(chance)) made.push(make());
    return made;
  }

  schedule(blocks: number): string {
    const random = this.#random;
    const policy = random.weighted([
      ['rr', 3],
      ['blocked', 2],
      ['random', 5],
    ] as const);
    const parts = [policy === 'random' ? `random:${random.below(1000)}` : policy];
    if (random.chance(0.3)) parts.push(random.chance(0.7) ? 'granule=8' : 'granule=1');
    // Blocks that take the place of others while some are still there.
    if (blocks > 2 && random.chance(0.5)) parts.push('resident=2');
    else if (random.chance(0.15)) parts.push('resident=1');
    if (random.chance(0.2)) parts.push(random.chance(0.5) ? 'order=reverse' : 'order=shuffle:7');
    return parts.join(',');
  }

  kernel(): KernelCase {
    const random = this.#random;
    const functions = this.many(0.5, () => this.function(random.pick(['plain', 'group', 'group', 'warp'] as const)));
    const classes = this.many(0.25, () => this.class());
    const hasRegisters = random.chance(0.35);
    const weights = kernelWeights(random, functions.length > 0, classes.length > 0, hasRegisters);
    const first: StatementName[] = [
      ...(hasRegisters ? (['regNew'] as const) : []),
      ...(classes.length > 0 ? (['new'] as const) : []),
    ];
    const grid = random.weighted([
      [0, 6],
      [1, 2],
      [2, 1],
      [3, 1],
      [4, 1],
    ]);
    const kernel: KernelCase = {
      functions,
      classes,
      body: [...first.map((op) => this.statementOf(op, 0, weights)), ...this.body(3, 12, weights)],
      block: random.below(BLOCKS.length),
      grid,
      schedule: this.schedule(threadsOf(GRIDS[grid]!)),
      seed: random.below(1000),
      isExtraNull: random.chance(0.4),
      devices: random.chance(0.1) ? 2 : 1,
      fault: null,
    };
    return affordable(kernel);
  }
}

/** The kernel in a smaller launch, if it would take long. */
function affordable(kernel: KernelCase): KernelCase {
  const cost = (c: KernelCase): number => {
    const { x, y, z } = GRIDS[c.grid]!;
    return (1 + printKernel(c).cost) * threadsOf(BLOCKS[c.block]!) * x * y * z;
  };
  if (cost(kernel) <= MOST_STEPS) return kernel;
  const single = { ...kernel, grid: 0 };
  if (cost(single) <= MOST_STEPS) return single;
  const block = threadsOf(BLOCKS[kernel.block]!) > 64 ? 3 : kernel.block;
  const small = { ...single, block };
  return cost(small) <= 4 * MOST_STEPS ? small : { ...small, body: kernel.body.slice(0, 2), block: 0 };
}

interface Weights {
  readonly all: readonly (readonly [StatementName, number])[];
  readonly leaves: readonly (readonly [StatementName, number])[];
}

const NESTING: readonly StatementName[] = ['if', 'loop', 'switch', 'scope'];
const weightsOf = (all: Weights['all']): Weights => ({ all, leaves: all.filter(([op]) => !NESTING.includes(op)) });

const ANYWHERE: Weights['all'] = [
  ['let', 10],
  ['set', 10],
  ['bump', 4],
  ['if', 8],
  ['loop', 6],
  ['switch', 2],
  ['jump', 4],
  ['scope', 1],
];
const OF_A_THREAD: Weights['all'] = [
  ['store', 5],
  ['pointer', 3],
  ['load', 3],
  ['atomicAcc', 2],
  ['atomicOwn', 4],
  ['fence', 1],
];
const OF_REGISTERS: Weights['all'] = [
  ['regNew', 3],
  ['regSet', 3],
  ['regMove', 5],
  ['regLoad', 6],
  ['regStore', 6],
  ['regRead', 3],
];
const OF_FUNCTIONS: Weights['all'] = [['callGen', 8]];
const OF_OBJECTS: Weights['all'] = [
  ['new', 4],
  ['callMethod', 8],
];
const OF_A_GROUP: Weights['all'] = [
  ['collective', 8],
  ['shuffle', 5],
  ['tile', 4],
  ['lazyVote', 1],
  ['waterfall', 1],
  ['sync', 2],
];
const OF_A_BLOCK: Weights['all'] = [
  ['barrier', 2],
  ['exchange', 2],
  ['sharedRound', 2],
  ['sharedOwn', 1],
  ['signal', 2],
  ['scan', 1],
  ['produce', 1],
];

const PLAIN = weightsOf([...ANYWHERE, ['return', 3]]);
const IN_FUNCTIONS = weightsOf([...ANYWHERE, ['return', 3], ...OF_A_THREAD, ...OF_REGISTERS, ...OF_A_GROUP]);

/** Each kernel has its own mixture, so that some have little but one kind of statement. */
function kernelWeights(
  random: RandomSource,
  hasFunctions: boolean,
  hasClasses: boolean,
  hasRegisters: boolean,
): Weights {
  const scaled = (all: Weights['all']): Weights['all'] => {
    const factor = random.pick([0, 1, 1, 2, 4]);
    return all.map(([op, weight]) => [op, weight * factor]);
  };
  const returns: Weights['all'] = random.chance(0.25) ? [['return', 4]] : [];
  return weightsOf([
    ...ANYWHERE,
    ...scaled(OF_A_THREAD),
    ...(hasRegisters ? OF_REGISTERS : []),
    ...(hasFunctions ? OF_FUNCTIONS : []),
    ...(hasClasses ? OF_OBJECTS : []),
    ...scaled(OF_A_GROUP),
    ...scaled(OF_A_BLOCK),
    ...returns,
  ]);
}

/** The random kernel of a seed. */
export const kernelOfSeed = (seed: number): KernelCase => new Generator(new RandomSource(seed)).kernel();

/** One that fails: at a random place, for a random thread. */
function faultOfSeed(seed: number): KernelCase {
  const kernel = kernelOfSeed(seed);
  const random = new RandomSource(~seed);
  const fault = { kind: random.below(FAULTS.length), at: random.below(kernel.body.length), thread: random.below(256) };
  return { ...kernel, fault, devices: 1 };
}

class KernelArbitrary extends fc.Arbitrary<KernelCase> {
  readonly #make: (seed: number) => KernelCase;

  constructor(make: (seed: number) => KernelCase) {
    super();
    this.#make = make;
  }

  override generate(random: fc.Random): fc.Value<KernelCase> {
    return new fc.Value(this.#make(random.nextInt(-0x80000000, 0x7fffffff)), undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is KernelCase {
    return typeof value === 'object' && value !== null && 'functions' in value;
  }

  override shrink(value: KernelCase): fc.Stream<fc.Value<KernelCase>> {
    return fc.stream(shrinkKernel(value)).map((smaller) => new fc.Value(smaller, undefined));
  }
}

/** Random kernels that are free of races and faults, with a launch and a schedule. */
export const kernels = (): fc.Arbitrary<KernelCase> => new KernelArbitrary(kernelOfSeed);
/** Random kernels one of whose threads is at fault, unless it never gets there. */
export const faultyKernels = (): fc.Arbitrary<KernelCase> => new KernelArbitrary(faultOfSeed);
