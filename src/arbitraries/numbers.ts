import fc from 'fast-check';

/** Inclusive bounds of an integer; a bound that is left out is the arbitrary's own. */
export interface IntegerRange {
  readonly min?: number;
  readonly max?: number;
}

/**
 * The bounds of `range` within a domain. A bound that it lacks is the domain's, or `usualMax` where that does not
 * contradict `min`.
 * @throws RangeError if a bound lies outside the domain, or the lower one above the upper one.
 */
export function boundsWithin(
  name: string,
  range: IntegerRange | undefined,
  domain: Required<IntegerRange>,
  usualMax = domain.max,
): Required<IntegerRange> {
  const min = range?.min ?? domain.min;
  const max = range?.max ?? Math.max(min, usualMax);
  if (!(Number.isInteger(min) && Number.isInteger(max) && domain.min <= min && min <= max && max <= domain.max)) {
    throw new RangeError(`${name} must be a range within ${domain.min}..${domain.max}, is ${min}..${max}`);
  }
  return { min, max };
}

/** What `edgeBiasedIntegers` draws from. */
export interface EdgeBias {
  readonly min: number;
  readonly max: number;
  /**
   * Values that deserve more than their share; min and max join them, unless there are none. Those outside min..max
   * are dropped; one that is named twice is drawn twice as often.
   */
  readonly edges: readonly number[];
  /** A small value is at most this far from the simplest one. */
  readonly smallDistance: number;
}

/**
 * Integers of min..max: five in eight small, two in eight edges, the rest uniform. Shrinks towards 0, or the bound
 * next to it.
 *
 * Shrinking keeps no memory of what it tried: the parts of a case depend on each other (a limit on their product, for
 * one), so a value that passed before may fail once another part has shrunk.
 * @throws RangeError if min..max is empty or holds a non-integer bound.
 */
export function edgeBiasedIntegers(bias: EdgeBias): fc.Arbitrary<number> {
  return new EdgeBiasedIntegers(bias);
}

// fast-check is extended by a subclass of Arbitrary; there is no other way to pair a distribution with a shrinker.
class EdgeBiasedIntegers extends fc.Arbitrary<number> {
  // invariant: min <= simplest <= max, and every edge lies within min..max.
  private readonly min: number;
  private readonly max: number;
  private readonly simplest: number;
  private readonly edges: readonly number[];
  private readonly smallDistance: number;

  constructor({ min, max, edges, smallDistance }: EdgeBias) {
    super();
    if (!Number.isInteger(min) || !Number.isInteger(max) || min > max) {
      throw new RangeError(`a range of integers must have min <= max, is ${min}..${max}`);
    }
    this.min = min;
    this.max = max;
    this.simplest = Math.min(Math.max(0, min), max);
    const bounds = edges.length === 0 ? [] : [min, max].filter((bound) => !edges.includes(bound));
    this.edges = [...edges.filter((edge) => edge >= min && edge <= max), ...bounds];
    this.smallDistance = smallDistance;
  }

  override generate(random: fc.Random): fc.Value<number> {
    const share = random.nextInt(0, 7);
    if (share < 5) {
      const low = Math.max(this.min, this.simplest - this.smallDistance);
      const high = Math.min(this.max, this.simplest + this.smallDistance);
      return new fc.Value(random.nextInt(low, high), undefined);
    }
    if (share < 7 && this.edges.length > 0) {
      return new fc.Value(this.edges[random.nextInt(0, this.edges.length - 1)]!, undefined);
    }
    return new fc.Value(random.nextInt(this.min, this.max), undefined);
  }

  override canShrinkWithoutContext(value: unknown): value is number {
    return typeof value === 'number' && Number.isInteger(value) && value >= this.min && value <= this.max;
  }

  override shrink(value: number): fc.Stream<fc.Value<number>> {
    return fc.stream(this.simplerThan(value)).map((simpler) => new fc.Value(simpler, undefined));
  }

  private *simplerThan(value: number): Generator<number, void, undefined> {
    for (let distance = value - this.simplest; distance !== 0; distance = Math.trunc(distance / 2)) {
      yield value - distance;
    }
  }
}

/**
 * One of `values`, each as likely as any other. Shrinks towards the first through all between, where fc.constantFrom
 * would only ever try the first.
 * @throws RangeError if there is none.
 */
export function choices<T>(...values: readonly T[]): fc.Arbitrary<T> {
  const last = values.length - 1;
  return edgeBiasedIntegers({ min: 0, max: last, edges: [], smallDistance: last }).map((index) => values[index]!);
}

const SEED_MAXIMUM = 0xffffffff;

/** Seeds, u32. Shrinks to 0 in one step or not at all: a smaller seed is no simpler. */
export function seeds(): fc.Arbitrary<number> {
  return fc
    .record({ used: fc.boolean(), seed: fc.noShrink(fc.integer({ min: 1, max: SEED_MAXIMUM })) })
    .map(({ used, seed }) => (used ? seed : 0));
}

const PLACE_COUNT = 1 << 16;

/**
 * Relative places, u16, to be turned into an index by `indexAt` once the number of elements is known. Shrinks towards
 * 0, and keeps its relative place when that number shrinks.
 */
export function places(): fc.Arbitrary<number> {
  return edgeBiasedIntegers({ min: 0, max: PLACE_COUNT - 1, edges: [PLACE_COUNT - 1], smallDistance: PLACE_COUNT - 1 });
}

/** The index in 0..count-1 that lies at `place`. Domain: `place` from `places()`, `count` at least 1. */
export function indexAt(place: number, count: number): number {
  return Math.floor((place * count) / PLACE_COUNT);
}
