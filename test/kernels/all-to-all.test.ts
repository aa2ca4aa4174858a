import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AllToAllCase, allToAllCases, originalFifo } from '../../src/arbitraries/index.js';
import { describeOutcome, type EngineMode, parseSchedule, type Schedule } from '../../src/simt/index.js';
import { type AllToAllCalls, allToAllCalls, protocolSchedules } from './all-to-all-calls.js';
import { describeKernelProperty } from './describe-kernel-property.js';
import { expectSame } from './expect-same.js';
import { kernels } from './kernels.js';
import { allToAllProperty } from './properties.js';
import { allToAllReferenceOfCalls, ORIGINAL_BLOCK, runAllToAll, setUpAllToAll } from './run-all-to-all.js';

describeKernelProperty('the all-to-all gives what the reference gives, under every schedule', allToAllProperty, {
  numRuns: 100,
  mutants: [
    'all-to-all: the sender waits for one entry more than there are',
    'all-to-all: flags repeat after a round',
    'all-to-all: the first flag is 0',
    'all-to-all: no barriers after a slice is sent',
    'all-to-all: no barriers after a slice is received',
    'all-to-all: no barrier after the indices are loaded',
    'all-to-all: a barrier of 32 threads',
    'all-to-all: two groups share a barrier',
    'all-to-all: a vote without lane 31',
    'all-to-all: each lane waits for its own flag only',
    'all-to-all: flags in lane 6',
  ],
});

/**
 * The least number of resident blocks a device under which the calls end.
 *
 * Every sender waits for its receiver, but only with a full FIFO; every receiver waits for its sender. In linear order the
 * senders come first: one place suffices if each call fits the FIFOs, else all senders and one more. In reverse order
 * the receivers come first. In any other order only room for all is safe.
 */
function leastResidentBlocks({ block, calls }: AllToAllCalls, { blockOrder }: Schedule): number {
  const { epSize, channelCount, fifo } = calls[0]!;
  const half = Math.ceil(epSize / block.GROUP_COUNT_PER_BLOCK) * channelCount;
  if (blockOrder.kind === 'shuffle') return 2 * half;
  const { mostSlices } = allToAllReferenceOfCalls(calls);
  return blockOrder.kind === 'linear' && mostSlices <= fifo.depth ? 1 : half + 1;
}

test('as few resident blocks as the protocol allows are enough', () => {
  const property = fc.property(allToAllCalls(), protocolSchedules(), fc.nat({ max: 1 }), (calls, token, spare) => {
    const schedule = parseSchedule(token);
    const limited = { ...schedule, residentBlocks: leastResidentBlocks(calls, schedule) + spare };
    expectSame(runAllToAll(kernels, calls.calls, calls.block, limited), allToAllReferenceOfCalls(calls.calls).result);
  });
  fc.assert(property, { numRuns: 40 });
});

describe('how many lanes move together', () => {
  // One vector of one packet from a rank to itself: four lines of 8 lanes.
  const [calls] = fc.sample(
    fc.tuple(
      allToAllCases({
        epSize: { max: 1 },
        channelCount: { max: 1 },
        vectorBytes: { min: 1920, max: 1920 },
        maxPackets: 1,
        traffic: ['all-equal'],
        startedCounters: false,
      }).filter(({ ranks }) => ranks[0]!.sendIndices.length === 1),
    ),
    { numRuns: 1, seed: 1 },
  ) as [[AllToAllCase]];
  const block = { WARP_PER_GROUP: 1, GROUP_COUNT_PER_BLOCK: 1 };
  const expected = allToAllReferenceOfCalls(calls).result;

  function isRight(seed: number, granule: number): boolean {
    const { outputs } = runAllToAll(kernels, calls, block, `random:${seed},granule=${granule}`);
    return outputs[0]![0]!.every((byte, index) => byte === expected.outputs[0]![0]![index]);
  }
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);

  // A line's flag says that the line is there: true only where the stores of 8 lanes are one store.
  test('single lanes: some schedule gives wrong bytes', () => {
    expect(seeds.some((seed) => !isRight(seed, 1))).toBe(true);
  });

  test.each([8, 32])('%d lanes: none of the same schedules does', (granule) => {
    expect(seeds.filter((seed) => !isRight(seed, granule))).toEqual([]);
  });
});

describe('with the blocks and FIFOs of the original', () => {
  test('12 consecutive calls on one workspace, entries of 2 packets', () => {
    const fifo = { ...originalFifo, entryBytes: 2 * originalFifo.packetBytes };
    const shared = { fifo: fc.constant(fifo), epSize: { min: 2, max: 2 }, channelCount: { max: 1 } };
    const cases = allToAllCases({ ...shared, vectorBytes: { max: 2 * 1920 }, maxPackets: 30 });
    const calls = fc.array(cases, { minLength: 12, maxLength: 12 });
    const property = fc.property(calls, protocolSchedules(), (calls, schedule) => {
      expectSame(runAllToAll(kernels, calls, ORIGINAL_BLOCK, schedule), allToAllReferenceOfCalls(calls).result);
    });
    fc.assert(property, { numRuns: 8 });
  });

  test('vectors of up to 128 packets', () => {
    const cases = allToAllCases({
      epSize: { max: 2 },
      channelCount: { max: 2 },
      vectorBytes: { min: 100 * 1920, max: 128 * 1920 },
      maxPackets: 3 * 128,
    });
    const property = fc.property(cases, protocolSchedules(), (call, schedule) => {
      expectSame(runAllToAll(kernels, [call], ORIGINAL_BLOCK, schedule), allToAllReferenceOfCalls([call]).result);
    });
    fc.assert(property, { numRuns: 6 });
  });

  test('more ranks than a block has groups', () => {
    const cases = allToAllCases({
      epSize: { min: 9, max: 17 },
      channelCount: { max: 1 },
      vectorBytes: { max: 2 * 1920 },
      maxPackets: 100,
    });
    const property = fc.property(cases, protocolSchedules(), (call, schedule) => {
      expectSame(runAllToAll(kernels, [call], ORIGINAL_BLOCK, schedule), allToAllReferenceOfCalls([call]).result);
    });
    fc.assert(property, { numRuns: 4 });
  });
});

describe.each<EngineMode>(['fast', 'step', 'ref'])('calls that never end: %s', (mode) => {
  const HANGS = /^(budget: 10000 polling steps without a write|deadlock)/;
  const i32 = (...values: number[]): Int32Array => Int32Array.from(values);
  const fifo = { depth: 2, entryBytes: 2048, packetBytes: 2048, packetPayloadBytes: 1920 };

  /** One rank that sends `sent` vectors of `vectorBytes` to itself and expects `received`. */
  function selfCall(vectorBytes: number, sent: number, received: number): AllToAllCase {
    const rank = {
      input: new Uint8Array(vectorBytes),
      inputRowStrideBytes: 0,
      output: new Uint8Array(vectorBytes),
      outputRowStrideBytes: vectorBytes,
      sendRankCumSum: i32(sent),
      sendIndices: new Int32Array(sent),
      recvRankCumSum: i32(received),
      recvIndices: new Int32Array(received),
    };
    const counters = new BigUint64Array(1);
    return { epSize: 1, channelCount: 1, vectorBytes, fifo, ranks: [rank], heads: counters, tails: counters };
  }

  function outcomeOf(call: AllToAllCase, schedule = 'rr') {
    const limits = { maxSteps: 20_000, maxIdleSteps: 10_000 };
    const { machine, result } = setUpAllToAll(kernels, [call], ORIGINAL_BLOCK, schedule, mode, limits);
    const outcome = machine.run();
    return { text: describeOutcome(outcome, machine.limits), ...result() };
  }

  test('a vector of more packets than an entry: heads and tails count on', () => {
    const { text, heads, tails } = outcomeOf(selfCall(1936, 1, 1));
    expect(text).toContain(
      mode === 'ref'
        ? 'budget: 20000 steps are spent and the program has not ended'
        : 'livelock: only counters move, and no data will ever',
    );
    expect(heads[0]).toBeGreaterThan(20n);
    expect(tails[0]).toBeGreaterThan(20n);
  });

  test('one vector more is expected than is sent: the receiver polls the next flag', () => {
    const { text, heads, tails } = outcomeOf(selfCall(1920, 1, 2));
    expect(text).toMatch(HANGS);
    expect(text).toContain('rank 0 block (0,0,1)');
    expect(text).not.toContain('rank 0 block (0,0,0)');
    expect([heads[0], tails[0]]).toEqual([1n, 1n]);
  });

  test('more slices are sent than are expected and fit the FIFO: the sender polls the tail', () => {
    const { text, heads, tails } = outcomeOf(selfCall(1920, 4, 1));
    expect(text).toMatch(HANGS);
    expect(text).toContain('rank 0 block (0,0,0)');
    expect([heads[0], tails[0]]).toEqual([3n, 1n]);
  });

  test('more slices than the FIFO holds, and no room for the receiver: the sender polls the tail', () => {
    const call = selfCall(1920, 4, 4);
    expect(outcomeOf(call, 'rr,resident=2').text).toContain('completes');
    const { text, heads, tails } = outcomeOf(call, 'rr,resident=1');
    expect(text).toMatch(HANGS);
    expect(text).toContain('rank 0 block (0,0,0)');
    expect([heads[0], tails[0]]).toEqual([2n, 0n]);
  });

  test('more slices are sent than are expected, but fit the FIFO: the call ends', () => {
    const { text, heads, tails } = outcomeOf(selfCall(1920, 3, 1));
    expect(text).toContain('completes');
    expect([heads[0], tails[0]]).toEqual([3n, 1n]);
  });
});
