import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AllToAllCase, allToAllCases, prepareIndicesCases } from '../../src/arbitraries/index.js';
import { prepareIndicesReference } from '../../src/reference/index.js';
import { expectSame } from './expect-same.js';
import { kernels, loadMutant } from './kernels.js';
import { MUTANTS } from './mutants.js';
import { allToAllProperty, localGatherProperty, prepareIndicesProperty } from './properties.js';
import { runAllToAll } from './run-all-to-all.js';
import { runPrepareIndices } from './run-prepare-indices.js';

/** More cases, and larger ones, than the test suite has time for: only `npm run campaign` runs them. */
const parts = [1, 2, 3, 4, 5, 6, 7, 8];

test.each(parts)('all-to-all, part %i', () => {
  fc.assert(allToAllProperty(kernels), { numRuns: 500 });
});

test.each(parts)('index preparation, part %i', () => {
  fc.assert(prepareIndicesProperty(kernels, { epSize: { max: 12 } }), { numRuns: 60 });
});

test.each(parts)('local gather, part %i', () => {
  fc.assert(localGatherProperty(kernels, {}), { numRuns: 200 });
});

test.each([257, 513, 1024])('index preparation of %i ranks, 32 targets a token', (epSize) => {
  const cases = prepareIndicesCases({
    epSize: { min: epSize, max: epSize },
    topK: { min: 32, max: 32 },
    maxTokenCountPerRank: { max: 40 },
    realCounts: 'always',
    routing: ['experts', 'any-ranks', 'some-out-of-range'],
  });
  const [input] = fc.sample(cases, 1);
  expectSame(runPrepareIndices(kernels, input!, 'rr'), prepareIndicesReference(input!));
});

/**
 * The receiver's second warp must not have looked at a packet from before the first warp gives the slot free until the
 * sender has filled it again: about one in 10 000 slices, so no property of the test suite finds it.
 */
describe('a rare planted bug', () => {
  const mutant = 'all-to-all: no barrier before the tail moves';
  const cases = allToAllCases({
    fifo: fc.constant({ depth: 1, entryBytes: 2048, packetBytes: 1024, packetPayloadBytes: 960 }),
    epSize: { max: 1 },
    channelCount: { max: 1 },
    vectorBytes: { max: 16 },
    maxPackets: 60,
    traffic: ['all-equal'],
  }).filter(({ ranks }) => ranks[0]!.sendIndices.length >= 58);
  const [call] = fc.sample(cases, { numRuns: 1, seed: 1 }) as [AllToAllCase];
  const block = { WARP_PER_GROUP: 2, GROUP_COUNT_PER_BLOCK: 1 };

  test(`is found: ${mutant}`, async () => {
    const planted = await loadMutant(mutant);
    const run = (seed: number) => () => runAllToAll(planted, [call], block, `random:${seed}`, 'step');
    const seeds = Array.from({ length: 3000 }, (_, seed) => seed);
    const found = seeds.find((seed) => {
      try {
        run(seed)();
        return false;
      } catch {
        return true;
      }
    });
    expect(found).toBeDefined();
    expect(run(found!)).toThrow(MUTANTS[mutant].shows);
  });
});
