import fc from 'fast-check';
import { choices, edgeBiasedIntegers, seeds } from './numbers.js';

const POLICIES = ['rr', 'blocked', 'random'] as const;
const GRANULES = [32, 8, 1] as const;
const ORDERS = ['linear', 'reverse', 'shuffle'] as const;

/** Narrows `schedules`. */
export interface ScheduleOptions {
  /** Policies that choose who runs next; by default all. */
  readonly policies?: readonly (typeof POLICIES)[number][];
  /** Numbers of lanes that move together; by default 32, 8 and 1; none: the token never names one. */
  readonly granules?: readonly (typeof GRANULES)[number][];
  /**
   * Whether the token may limit the resident blocks; by default true. A limit can starve what waits for a block that
   * is not resident: an all-to-all then deadlocks by right.
   */
  readonly resident?: boolean;
  /** The most resident blocks that a limit names; by default 64. */
  readonly maxResident?: number;
  /** Orders of the blocks; by default all; none: the token never names one. */
  readonly orders?: readonly (typeof ORDERS)[number][];
}

/**
 * Schedule tokens: `rr`, `blocked` or `random:SEED`, then optionally `,granule=32|8|1`, `,resident=N`, and
 * `,order=linear|reverse|shuffle:SEED`, in that order; SEED is a u32, N at least 1. Shrinks towards `rr` (or the
 * first policy).
 * @throws RangeError if `maxResident` is below 1.
 */
export function schedules({
  policies = POLICIES,
  granules = GRANULES,
  resident = true,
  maxResident = 64,
  orders = ORDERS,
}: ScheduleOptions = {}): fc.Arbitrary<string> {
  const residentLimits = edgeBiasedIntegers({ min: 1, max: maxResident, edges: [1, 2, 8], smallDistance: 3 });
  return fc
    .record({
      policy: choices(...policies),
      policySeed: seeds(),
      granule: choices(undefined, ...granules),
      limited: resident ? fc.boolean() : fc.constant(false),
      residentLimit: residentLimits,
      order: choices(undefined, ...orders),
      orderSeed: seeds(),
    })
    .map(({ policy, policySeed, granule, limited, residentLimit, order, orderSeed }) =>
      [
        policy === 'random' ? `random:${policySeed}` : policy,
        ...(granule === undefined ? [] : [`granule=${granule}`]),
        ...(limited ? [`resident=${residentLimit}`] : []),
        ...(order === undefined ? [] : [order === 'shuffle' ? `order=shuffle:${orderSeed}` : `order=${order}`]),
      ].join(','),
    );
}
