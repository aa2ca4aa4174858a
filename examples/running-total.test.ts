import { fileURLToPath } from 'node:url';
import { createMachine, describeOutcome, explainHang, formatExplanation, registerProgram } from 'simtwin';
import { compileFile } from 'simtwin/compile';
import { expect, test } from 'vitest';
import { runningTotal, runningTotalInARing } from './running-total.js';

const { programs } = compileFile(fileURLToPath(new URL('running-total.ts', import.meta.url)));
for (const kernel of [runningTotal, runningTotalInARing]) registerProgram(kernel, programs.get(kernel.name)!);

const BLOCKS = 2;

/** The totals of 5 and 7, or why the kernel hangs. */
function run(kernel: typeof runningTotal, schedule = 'rr'): string {
  const machine = createMachine({ mode: 'step', schedule });
  const { memory } = machine;
  const values = memory.upload('values', 'u32', Uint32Array.of(5, 7));
  const totals = memory.allocate('totals', 'u32', BLOCKS);
  const ready = memory.allocate('ready', 'u32', BLOCKS, { zeroed: true });
  const launch = machine.stream().launch(kernel, { grid: BLOCKS, block: 32 }, { values, totals, ready });
  memory.declareSymbols(ready, {
    describe: (offsetBytes) => ({ name: 'ready flag', of: `block ${Math.floor(offsetBytes / 4)}`, index: [] }),
    writersOf: (offsetBytes) => [
      {
        rank: launch.device,
        kernel: launch.name,
        launch,
        blockIdx: { x: Math.floor(offsetBytes / 4), y: 0, z: 0 },
        name: 'first thread',
        firstThread: 0,
        threads: 1,
        does: 'sets it once its total is there',
      },
    ],
  });
  const outcome = machine.run();
  switch (outcome.verdict) {
    case 'completes':
      return new Uint32Array(memory.download(totals, BLOCKS).buffer).join(' ');
    case 'deadlock':
    case 'livelock':
      return `${outcome.verdict}\n${formatExplanation(explainHang(machine))}`;
    default:
      return describeOutcome(outcome, machine.limits);
  }
}

test('each block adds to what is before it', () => {
  expect(run(runningTotal)).toBe('5 12');
});

test('in a ring everybody waits', () => {
  expect(run(runningTotalInARing)).toMatchInlineSnapshot(`
    "deadlock
    root cause: cycle
      2 groups of threads wait for each other: rank 0 block (0,0,0) warp 0 lane 0 polls ready flag of
        block 1 (needs != 0, holds 0), which needs rank 0 block (1,0,0) warp 0 lane 0; rank 0 block
        (1,0,0) warp 0 lane 0 polls ready flag of block 0 (needs != 0, holds 0), which needs rank 0
        block (0,0,0) warp 0 lane 0
      do: let one of them write before it waits

    who waits for what:
      [1] rank 0 block (0,0,0) warp 0 lane 0 (1 thread)
          polls ready flag of block 1: needs != 0, holds 0
          at examples/running-total.ts:31
          -> [2] sets it once its total is there
      [2] rank 0 block (1,0,0) warp 0 lane 0 (1 thread)
          polls ready flag of block 0: needs != 0, holds 0
          at examples/running-total.ts:31
          -> [1] sets it once its total is there"
  `);
});

test('with room for one block, and the last one first, the room is taken for ever', () => {
  expect(run(runningTotal, 'rr,resident=1,order=reverse')).toContain('root cause: not resident');
});
