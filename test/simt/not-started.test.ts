import { expect, test } from 'vitest';
import { describeOutcome, type Kernel, Machine } from '../../src/simt/index.js';

const waits: Kernel<null> = function* waits(t) {
  yield* t.barrierSync(1, 64);
};
const follows: Kernel<null> = function* follows(t) {
  yield* t.threadfence();
};

test('a run that cannot go on says what has not started', () => {
  const machine = new Machine({ schedule: 'rr,resident=2' });
  const stream = machine.stream(3);
  stream.launch(waits, { grid: 5, block: 32 }, null);
  stream.launch(follows, { grid: 1, block: 32 }, null, 4);
  stream.memset(machine.memory.allocate('a', 'u8', 4), 0, 4);
  stream.launch(follows, { grid: 1, block: 32 }, null);
  stream.launch(follows, { grid: 1, block: 32 }, null);
  machine.stream(5).launch(follows, { grid: 9, block: 32 }, null);
  const outcome = machine.run();
  expect(outcome).toMatchObject({
    verdict: 'deadlock',
    notStarted: [
      { kind: 'blocks', rank: 3, kernel: 'waits', blocks: 3, ofBlocks: 5 },
      { kind: 'launch', rank: 4, kernel: 'follows', streamDevice: 3, behind: { rank: 3, kernel: 'waits' } },
      { kind: 'launch', rank: 3, kernel: 'follows' },
      { kind: 'launch', rank: 3, kernel: 'follows' },
    ],
  });
  expect(describeOutcome(outcome, machine.limits).split('\n').slice(2)).toEqual([
    '  3 of 5 blocks of waits are not resident: no room on device 3',
    '  rank 4 kernel follows: queued on a stream of device 3 behind waits of rank 3',
    '  rank 3 kernel follows: queued on a stream of device 3 behind waits of rank 3 (2 of them)',
  ]);
});
