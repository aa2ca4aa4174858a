import fc from 'fast-check';
import {
  type AllToAllCase,
  type AllToAllCaseOptions,
  allToAllCases,
  type FifoShape,
  schedules,
} from '../../src/arbitraries/index.js';
import type { BlockShape } from './run-all-to-all.js';

/** Consecutive calls on one workspace, and how a block is divided. */
export interface AllToAllCalls {
  readonly block: BlockShape;
  readonly calls: readonly AllToAllCase[];
}

/** FIFOs that few packets go round: `depths` entries of 1 to 4 packets, of 8 or 4 registers a lane. */
const smallFifos = (...depths: readonly number[]): fc.Arbitrary<FifoShape> =>
  fc
    .record({
      depth: fc.constantFrom(...depths),
      packets: fc.integer({ min: 1, max: 4 }),
      registers: fc.constantFrom(8, 4),
    })
    .map(({ depth, packets, registers }) => ({
      depth,
      entryBytes: packets * registers * 256,
      packetBytes: registers * 256,
      packetPayloadBytes: registers * 240,
    }));

/** What consecutive calls have in common. */
interface Common {
  readonly block: BlockShape;
  readonly fifo: FifoShape;
  readonly epSize: number;
  readonly channelCount: number;
}

/** One to three calls with `common` in common, else as `options` say. */
const consecutiveCalls = (common: fc.Arbitrary<Common>, options: AllToAllCaseOptions): fc.Arbitrary<AllToAllCalls> =>
  common.chain(({ block, fifo, epSize, channelCount }) =>
    fc
      .array(
        allToAllCases({
          ...options,
          fifo: fc.constant(fifo),
          epSize: { min: epSize, max: epSize },
          channelCount: { min: channelCount, max: channelCount },
          maxPaddingBytes: 32,
        }),
        { minLength: 1, maxLength: 3, size: 'max' },
      )
      .map((calls) => ({ block, calls })),
  );

/** Few ranks and channels, all kinds of traffic. */
const variedCalls = consecutiveCalls(
  fc.record({
    block: fc.record({ WARP_PER_GROUP: fc.constantFrom(2, 1), GROUP_COUNT_PER_BLOCK: fc.constantFrom(1, 2, 3, 1, 8) }),
    fifo: smallFifos(1, 2, 3),
    epSize: fc.integer({ min: 1, max: 3 }),
    channelCount: fc.integer({ min: 1, max: 2 }),
  }),
  { vectorBytes: { min: 16, max: 4 * 1920 }, maxPackets: 30 },
);

/** A link or two that several warps share and whose FIFO goes round again and again. */
const busyCalls = consecutiveCalls(
  fc.record({
    block: fc.constant({ WARP_PER_GROUP: 2, GROUP_COUNT_PER_BLOCK: 1 }),
    fifo: smallFifos(1, 1, 2),
    epSize: fc.integer({ min: 1, max: 2 }),
    channelCount: fc.constant(1),
  }),
  { vectorBytes: { min: 16, max: 1920 }, maxPackets: 60, traffic: ['self', 'one-link', 'ring'] },
);

export const allToAllCalls = (): fc.Arbitrary<AllToAllCalls> => fc.oneof(variedCalls, busyCalls);

/** Schedules that the protocol is made for: 8 or 32 lanes at a time, and every block resident. */
export const protocolSchedules = (): fc.Arbitrary<string> => schedules({ granules: [32, 8], resident: false });
