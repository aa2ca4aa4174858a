import { expect, test } from 'vitest';
import { type Kernel, Machine } from '../../src/simt/index.js';

const once: Kernel<() => void> = function* once(t, log) {
  yield* t.threadfence();
  log();
};

test('2,000 streams of 4 launches take no time that grows with their square', () => {
  const machine = new Machine();
  let launches = 0;
  for (let index = 0; index < 2000; index++) {
    const stream = machine.stream(index % 8);
    for (let launch = 0; launch < 4; launch++) {
      stream.launch(once, { grid: 1, block: 1 }, () => {
        launches++;
      });
    }
  }
  const { user } = process.cpuUsage();
  expect(machine.run().verdict).toBe('completes');
  // A second is enough on any machine; what looks at every stream at every end of a block takes many.
  expect(process.cpuUsage().user - user).toBeLessThan(4e6);
  expect(launches).toBe(8000);
});

test('a stream with a long queue forgets what has ended, and nothing else', () => {
  const machine = new Machine();
  const stream = machine.stream();
  const order: number[] = [];
  const add = (index: number) => stream.launch(once, { grid: 1, block: 1 }, () => order.push(index));
  for (let index = 0; index < 300; index++) add(index);
  machine.advance(2 * 200);
  expect(stream.pending).toHaveLength(100);
  for (let index = 300; index < 400; index++) add(index);
  expect(machine.run().verdict).toBe('completes');
  expect(order).toEqual(Array.from({ length: 400 }, (_, index) => index));
  expect(stream.pending).toEqual([]);
});
