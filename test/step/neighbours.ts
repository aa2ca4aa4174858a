import { type Program, registerProgram } from '../../src/program/index.js';
import {
  FULL_MASK,
  type KernelBody,
  Machine,
  type MachineOptions,
  type Pointer,
  type Thread,
} from '../../src/simt/index.js';
import { int, ProgramBuilder, special, word } from './build.js';

interface NeighbourArgs {
  readonly iterations: number;
  readonly out: Pointer<'i32'>;
}

/** Each round: store, syncthreads, read the right neighbour's value, ballot; then a count of odd values. */
function* neighbourKernel(t: Thread, { iterations, out }: NeighbourArgs): KernelBody {
  const values = t.shared('values', 'i32', 1024);
  let sum = 0;
  for (let i = 0; i < iterations; i++) {
    values.store(t.threadIdx.x, (i + t.threadIdx.x) | 0);
    yield* t.syncthreads();
    const x = values.load((t.threadIdx.x + 1) % t.blockDim.x);
    const m = yield* t.ballotSync(FULL_MASK, (x & 1) === 1);
    sum = (sum + x + m) | 0;
    if ((x & 1) === 1) yield* t.atomicAdd(out, t.blockDim.x, 1);
    yield* t.syncthreads();
  }
  out.store(t.threadIdx.x, sum);
}

/** The same by hand. */
function neighbourProgram(): Program {
  const k = new ProgramBuilder('neighbourKernel');
  const iterations = k.param('iterations', 'i32');
  const out = k.param('out', 'ptr', 'i32');
  const values = k.variable('values', 'ptr');
  const sum = k.variable('sum', 'i32');
  const i = k.variable('i', 'i32');
  const x = k.variable('x', 'i32');
  const m = k.variable('m', 'u32');
  const goesOn = k.variable(null, 'pred');
  const a = k.variable(null, 'i32');
  const isOdd = k.variable(null, 'pred');
  const bits = k.variable(null, 'i32');
  const [entry, head, body, add, tail, end] = [k.block(), k.block(), k.block(), k.block(), k.block(), k.block()];
  const tid = special('threadIdx.x');
  const plain = { elementType: 'i32', ordering: 'plain', scope: 'system' } as const;
  const sync = { op: 'barrier', kind: 'sync', isAligned: true, id: int(0), threadCount: int(0) } as const;
  k.select(entry)
    .add({ op: 'shared', to: values.index, name: 'values', elementType: 'i32', count: int(1024) })
    .add({ op: 'move', type: 'i32', to: sum.index, a: int(0) })
    .add({ op: 'move', type: 'i32', to: i.index, a: int(0) })
    .end({ op: 'jump', target: head });
  k.select(head)
    .add({ op: 'compare', operator: 'lt', type: 'i32', to: goesOn.index, a: i, b: iterations })
    .branch(goesOn, body, end);
  k.select(body)
    .add({ op: 'binary', operator: 'add', type: 'i32', to: a.index, a: i, b: tid })
    .add({ op: 'store', ...plain, values: [a], base: values, index: tid })
    .add(sync)
    .add({ op: 'binary', operator: 'add', type: 'i32', to: a.index, a: tid, b: int(1) })
    .add({ op: 'binary', operator: 'rem', type: 'i32', to: a.index, a, b: special('blockDim.x') })
    .add({ op: 'load', ...plain, to: [x], base: values, index: a })
    .add({ op: 'binary', operator: 'and', type: 'i32', to: a.index, a: x, b: int(1) })
    .add({ op: 'compare', operator: 'eq', type: 'i32', to: isOdd.index, a, b: int(1) })
    .add({
      op: 'collective',
      operation: 'ballot',
      to: m.index,
      type: 'pred',
      mask: word(0xffffffff),
      value: isOdd,
      a: int(0),
      b: null,
    })
    .add({ op: 'binary', operator: 'add', type: 'i32', to: sum.index, a: sum, b: x })
    .add({ op: 'convert', from: 'u32', type: 'i32', to: bits.index, a: m })
    .add({ op: 'binary', operator: 'add', type: 'i32', to: sum.index, a: sum, b: bits })
    .branch(isOdd, add, tail);
  k.select(add)
    .add({
      op: 'atomic',
      operator: 'add',
      elementType: 'i32',
      to: -1,
      base: out,
      index: special('blockDim.x'),
      value: int(1),
      compare: null,
      scope: 'device',
    })
    .end({ op: 'jump', target: tail });
  k.select(tail)
    .add(sync)
    .add({ op: 'binary', operator: 'add', type: 'i32', to: i.index, a: i, b: int(1) })
    .end({ op: 'jump', target: head });
  k.select(end)
    .add({ op: 'store', ...plain, values: [sum], base: out, index: tid })
    .end({ op: 'exit' });
  return k.build();
}

registerProgram(neighbourKernel as never, neighbourProgram());

/** A machine with two launches of the kernel on one stream and a memset between. */
export function setUpNeighbours(options: MachineOptions, { threads = 96, blocks = 3 } = {}): Machine {
  const machine = new Machine(options);
  const stream = machine.stream();
  for (const [index, iterations] of [3, 2].entries()) {
    const out = machine.memory.allocate(`out ${index}`, 'i32', threads + 1);
    stream.memset(out.add(threads), 0, 4);
    stream.launch(neighbourKernel, { grid: blocks, block: threads }, { iterations, out });
  }
  return machine;
}
