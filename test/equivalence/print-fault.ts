import { FAULTS, GRIDS } from './kernel-ast.js';
import { type Context, line, name, type Printing } from './print-context.js';

/** What a thread does that must fail. */
const STATEMENTS: Readonly<Record<(typeof FAULTS)[number], (p: Printing) => readonly string[]>> = {
  'out of bounds load': () => ['own.store(0, input.load(nil + 100000));'],
  'out of bounds store': () => ['out.store(-1 - nil, 7);'],
  'out of bounds atomic': () => ['yield* t.atomicAdd(acc, nil + 100000, 1);'],
  'out of bounds register': (p) => registers(p, (r) => [`${r}.at(nil + 4).set(1);`]),
  'undefined load': () => ['own.store(0, virgin.load(nil));'],
  'undefined register': (p) => registers(p, (r) => [`own.store(0, ${r}.at(nil & 1).value);`]),
  'undefined shared': () => ["own.store(0, t.shared('virgin', 'u32', 4).load(1));"],
  'misaligned load': () => ["own.store(0, out.cast('u8').add(nil + 1).cast('u32').load(0));"],
  'misaligned store': () => ["out.cast('u8').add(nil + 2).cast('u32').store(0, 1);"],
  'misaligned vector': (p) => registers(p, (r) => [`yield* t.loadVolatileV2(out, nil + 1, ${r}.at(0), ${r}.at(1));`]),
  'division by zero': () => ['own.store(0, divI32(t.laneId, nil) >>> 0);'],
  'remainder by zero': () => ['own.store(0, remI32(t.laneId, nil) >>> 0);'],
  'bigint division by zero': () => ["own.cast('u64').store(0, 5n / (big & 0n));"],
  throw: () => ["throw new RangeError('planned');"],
  'mask without the lane': () => ['yield* t.ballotSync(t.lanemaskGt, true);'],
  'shuffle from an absent lane': () => ['own.store(0, yield* t.shflSync(t.lanemaskEq, 1, t.laneId + 1));'],
  'shuffle width': () => ['own.store(0, yield* t.shflSync(t.lanemaskEq, 1, 0, nil + 3));'],
  'barrier count': () => ['yield* t.barrierSync(15, 33);'],
  'barrier id': () => ['yield* t.barrierSync(nil + 16, 32);'],
  'shared declaration': () => ["t.shared('virgin', 'u32', 4);", "t.shared('virgin', 'u64', 1);"],
};

function registers(p: Printing, use: (name: string) => readonly string[]): readonly string[] {
  const text = name(p, 'r');
  return [`const ${text} = t.registerArray('u32', 2);`, ...use(text)];
}

const faulted = new WeakMap<Printing, number>();

/** Before the statement that the case chooses, in the kernel itself: one thread does what must fail. */
export function printFault(p: Printing, c: Context): void {
  const { fault, grid } = p.kernel;
  if (fault === null || c.kind !== 'kernel') return;
  const at = faulted.get(p) ?? 0;
  faulted.set(p, at + 1);
  if (at !== fault.at) return;
  const kind = FAULTS[fault.kind % FAULTS.length]!;
  const { x, y, z } = GRIDS[grid]!;
  p.features.add(`fault: ${kind}`);
  line(c, `if (threadNumber(t) === ${fault.thread % (p.threads * x * y * z)}) {`);
  for (const text of STATEMENTS[kind](p)) line(c, `  ${text}`);
  line(c, '}');
}
