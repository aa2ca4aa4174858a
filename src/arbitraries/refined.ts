import fc from 'fast-check';

/**
 * An arbitrary that shrinks twice: first as `arbitrary` does, then through `simplerThan`, the values one step simpler
 * than a value.
 *
 * The first shrinks what a value was made from (sizes, a kind, a seed), which is fast but cannot take a single
 * element out of bulk data; the second can.
 * Domain: `simplerThan` must reach an end from every value.
 */
export function refined<T>(arbitrary: fc.Arbitrary<T>, simplerThan: (value: T) => Iterable<T>): fc.Arbitrary<T> {
  return new Refined(arbitrary, simplerThan);
}

/** Where a value comes from: the first arbitrary with its own context, or a step of the second shrinking. */
class Origin {
  readonly firstContext: unknown;

  constructor(firstContext: unknown) {
    this.firstContext = firstContext;
  }
}

// fast-check is extended by a subclass of Arbitrary; there is no other way to add to a shrinker.
class Refined<T> extends fc.Arbitrary<T> {
  private readonly first: fc.Arbitrary<T>;
  private readonly simplerThan: (value: T) => Iterable<T>;

  constructor(first: fc.Arbitrary<T>, simplerThan: (value: T) => Iterable<T>) {
    super();
    this.first = first;
    this.simplerThan = simplerThan;
  }

  override generate(random: fc.Random, biasFactor: number | undefined): fc.Value<T> {
    return fromFirst(this.first.generate(random, biasFactor));
  }

  override canShrinkWithoutContext(value: unknown): value is T {
    return this.first.canShrinkWithoutContext(value);
  }

  override shrink(value: T, context: unknown): fc.Stream<fc.Value<T>> {
    return fc.stream(this.steps(value, context));
  }

  private *steps(value: T, context: unknown): Generator<fc.Value<T>, void, undefined> {
    if (context instanceof Origin) {
      for (const simpler of this.first.shrink(value, context.firstContext)) yield fromFirst(simpler);
    }
    for (const simpler of this.simplerThan(value)) yield new fc.Value(simpler, undefined);
  }
}

function fromFirst<T>(value: fc.Value<T>): fc.Value<T> {
  return new fc.Value(value.value_, new Origin(value.context));
}

/** `counts` with one of them 0, half of what it was, or one less. Domain: counts of at least 0. */
export function* simplerCounts(counts: readonly number[]): Generator<readonly number[], void, undefined> {
  for (const [index, count] of counts.entries()) {
    for (const simpler of new Set([0, Math.floor(count / 2), count - 1])) {
      if (simpler >= 0 && simpler < count) yield counts.with(index, simpler);
    }
  }
}
