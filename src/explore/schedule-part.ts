import { type NumberedSchedule, searchSchedules } from './schedule-search.js';

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

/** The schedules of a search by number. To ask for ever higher numbers costs least. */
export class ScheduleList {
  readonly #begin: () => Generator<NumberedSchedule>;
  #schedules: Generator<NumberedSchedule>;
  #next = 0;

  /** The arguments are those of {@link searchSchedules}. */
  constructor(seed: number, length: number, options = '') {
    this.#begin = () => searchSchedules(seed, length, options);
    this.#schedules = this.#begin();
  }

  at(index: number): NumberedSchedule {
    if (index < this.#next) {
      this.#schedules = this.#begin();
      this.#next = 0;
    }
    for (;;) {
      const schedule: NumberedSchedule = this.#schedules.next().value;
      this.#next = schedule.index + 1;
      if (schedule.index === index) return schedule;
    }
  }
}
