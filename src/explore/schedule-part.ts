/** Every `count`-th schedule of a search, from number `index` on; `index` counts from 0. */
export interface SchedulePart {
  readonly index: number;
  readonly count: number;
}

/** All of them. */
export const WHOLE: SchedulePart = { index: 0, count: 1 };

/** How many of the first `schedules` schedules belong to a part. */
export const sizeOfPart = ({ index, count }: SchedulePart, schedules: number): number =>
  Math.max(0, Math.ceil((schedules - index) / count));

/** The number of the schedule at a place of a part. */
export const scheduleIndexOf = ({ index, count }: SchedulePart, position: number): number => index + position * count;
