import type { Derived, Load } from './values.js';

/** A branch that would leave the loop that a thread goes round. */
export interface Exit {
  readonly condition: Derived;
  /** The value of the condition with which it leaves. */
  readonly wanted: boolean;
  readonly site: number;
}

/** What a lane does from where it is, as long as nothing in memory changes. */
export type LaneCourse =
  /** It comes back to the same state, by way of these loads; any of these branches would end that. */
  | {
      readonly kind: 'goes round';
      readonly exits: readonly Exit[];
      readonly loads: readonly Load[];
      /** Barriers that it passes on the way. */
      readonly barriers: readonly number[];
      /** Blocks that it would come to then. */
      readonly leavesTo: readonly number[];
    }
  /** It goes on, for as long as it was looked at, or ends. */
  | { readonly kind: 'goes on' }
  /** It comes to wait for other lanes of its warp. */
  | { readonly kind: 'waits'; readonly site: number };

export type RoundCourse = Extract<LaneCourse, { readonly kind: 'goes round' }>;

/** The course of lanes that go together. */
export function together(courses: readonly LaneCourse[]): LaneCourse {
  const going = courses.find(({ kind }) => kind !== 'goes round');
  if (going !== undefined) return going;
  const rounds = courses.flatMap((course) => (course.kind === 'goes round' ? [course] : []));
  return {
    kind: 'goes round',
    exits: rounds.flatMap(({ exits }) => exits),
    loads: rounds.flatMap(({ loads }) => loads),
    barriers: [...new Set(rounds.flatMap(({ barriers }) => barriers))],
    leavesTo: [...new Set(rounds.flatMap(({ leavesTo }) => leavesTo))],
  };
}
