import fc from 'fast-check';
import { boundsWithin, choices, edgeBiasedIntegers, type IntegerRange, seeds } from './numbers.js';
import { givenOrSomeRanks } from './rank-counts.js';
import { below, hash32 } from './seeded.js';

const KINDS = ['contiguous', 'round-robin', 'random', 'redundant', 'empty-ranks'] as const;

/** How experts are laid out: `redundant` puts some on several ranks, `empty-ranks` leaves ranks without any. */
export type ExpertPlacementKind = (typeof KINDS)[number];

/** Which ranks hold which expert. */
export interface ExpertPlacement {
  readonly kind: ExpertPlacementKind;
  readonly epSize: number;
  /** One element an expert: the ranks that hold it, at least one, no duplicates. */
  readonly ranksOfExpert: readonly (readonly number[])[];
}

/** Narrows `expertPlacements`. */
export interface ExpertPlacementOptions {
  /** Number of ranks; by default 1..64, mostly small. */
  readonly epSize?: number;
  /** Number of experts; by default 1..256. */
  readonly expertCount?: IntegerRange;
  /** By default all. */
  readonly kinds?: readonly ExpertPlacementKind[];
}

/**
 * Placements of experts on ranks. Shrinks towards one expert, contiguous on one rank.
 * @throws RangeError if an option is out of range.
 */
export function expertPlacements(options: ExpertPlacementOptions = {}): fc.Arbitrary<ExpertPlacement> {
  return fc
    .record({
      epSize: givenOrSomeRanks(options.epSize),
      recipe: expertPlacementRecipes(options),
    })
    .map(({ epSize, recipe }) => expertPlacementFrom(recipe, epSize, recipe.expertCount));
}

/** What a placement is made from before the number of ranks is known. */
export interface ExpertPlacementRecipe {
  readonly kind: ExpertPlacementKind;
  readonly expertCount: number;
  readonly seed: number;
}

/** Recipes of the kinds and numbers of experts that `options` leave. Shrinks towards one expert, contiguous. */
export function expertPlacementRecipes({
  expertCount,
  kinds = KINDS,
}: Pick<ExpertPlacementOptions, 'expertCount' | 'kinds'> = {}): fc.Arbitrary<ExpertPlacementRecipe> {
  const expertCounts = boundsWithin('number of experts', expertCount, { min: 1, max: 65536 }, 256);
  return fc.record({
    kind: choices(...kinds),
    expertCount: edgeBiasedIntegers({ ...expertCounts, edges: [8, 32, 64, 72, 128, 160, 256], smallDistance: 16 }),
    seed: seeds(),
  });
}

/** The placement of a recipe's kind for `epSize` ranks and `expertCount` experts. */
export function expertPlacementFrom(
  { kind, seed }: Pick<ExpertPlacementRecipe, 'kind' | 'seed'>,
  epSize: number,
  expertCount: number,
): ExpertPlacement {
  const ranksInUse = kind === 'empty-ranks' ? someRanks(epSize, seed) : undefined;
  const contiguous = (expert: number, rankCount: number): number => Math.floor((expert * rankCount) / expertCount);
  const ranksOf = (expert: number): readonly number[] => {
    switch (kind) {
      case 'contiguous':
        return [contiguous(expert, epSize)];
      case 'round-robin':
        return [expert % epSize];
      case 'random':
        return [below(epSize, seed, expert)];
      case 'redundant': {
        const copies = [0, 1, 2]
          .slice(0, 1 + (hash32(seed, expert) % 3))
          .map((copy) => below(epSize, seed + copy, ~expert));
        return [...new Set([contiguous(expert, epSize), ...copies])];
      }
      case 'empty-ranks':
        return [ranksInUse![contiguous(expert, ranksInUse!.length)]!];
      default:
        throw new Error(`[simtwin bug] ${kind satisfies never}`);
    }
  };
  return { kind, epSize, ranksOfExpert: Array.from({ length: expertCount }, (_, expert) => ranksOf(expert)) };
}

/** Some of the ranks, at least one; not all of them if there are several. */
function someRanks(epSize: number, seed: number): readonly number[] {
  const empty = below(epSize, seed, -1);
  const ranks = Array.from({ length: epSize }, (_, rank) => rank);
  const some = ranks.filter((rank) => rank !== empty && hash32(seed, rank) % 2 === 0);
  return some.length > 0 ? some : [(empty + 1) % epSize];
}
