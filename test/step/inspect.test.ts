import { beforeAll, expect, test } from 'vitest';
import { type Inspector, inspectorOf, type ThreadInfo } from '../../src/step/index.js';
import { generateCapture, setUpCall } from '../../src/tools/index.js';
import { registerKernels } from './programs.js';

beforeAll(registerKernels);

/** A sender of the all-to-all that has begun to send. */
function sender(): { inspector: Inspector; thread: ThreadInfo } {
  const args = { ep_size: 2, tokens: 4, top_k: 1, vector_bytes: 512, max_usable_sm_count: 4 };
  const { machine } = setUpCall(generateCapture('moe_comm', args, 1), { schedule: 'rr', mode: 'step' }, 'test');
  for (;;) {
    expect(machine.advance(1)).toBeNull();
    const inspector = inspectorOf(machine);
    for (const thread of inspector.threads()) {
      if (thread.operation.startsWith('st.volatile.global.v2')) return { inspector, thread };
    }
  }
}

test('a thread deep in calls tells its stack and the variables of every function on it', () => {
  const { inspector, thread } = sender();
  expect(thread.frames.map(({ functionName }) => functionName.replace(/^.*\./, ''))).toEqual(['sendSlice', 'run']);
  expect(thread.frames[0]!.file).toBe('src/kernels/all-to-all-channel-communicator.ts');
  expect(thread.operation).toMatch(/^st\.volatile\.global\.v2\.u64 \[0x[0-9a-f]+\]$/);
  const names = inspector.variables(thread).map(({ name, frame }) => `${frame} ${name}`);
  expect(names).toEqual(expect.arrayContaining(['0 packetId', '0 vecRealIdx', '0 eltN', '2 comm.step']));
  expect(inspector.variable(thread, 'eltN')).toMatchObject({ type: 'i32', value: 64 });
  expect(inspector.variable(thread, 'comm.step')).toMatchObject({ type: 'u64', value: 0n });
  const path = 'worldInfo.epSize';
  expect(inspector.arguments(thread).find((argument) => argument.path === path)?.value).toBe(2);
  expect([...inspector.shared(thread).keys()]).toEqual(['allGroupSharedBuffer']);
});
