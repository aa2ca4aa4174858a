import type { StandingBlock, StandingWarp } from '../hang/index.js';
import { DryWarp } from './dry-warp.js';
import type { WaitNode } from './graph.js';
import type { LaneCourse, RoundCourse } from './lane-course.js';
import type { ResidentBlock } from './resident-blocks.js';
import { maskOf } from './standing-lane.js';
import { wantedBy } from './wanted.js';

/**
 * The courses of sets that go round loops, and of those at a barrier that only such are missing from. Ready sets that do
 * not go round are marked as going on.
 */
export function pollingCoursesOf(blocks: Iterable<ResidentBlock>): Map<WaitNode, RoundCourse> {
  const ready = new ReadyCourses();
  const courses = new Map<WaitNode, RoundCourse>();
  for (const resident of blocks) for (const [node, course] of coursesIn(resident, ready)) courses.set(node, course);
  return courses;
}

function coursesIn(resident: ResidentBlock, readyCourses: ReadyCourses): Map<WaitNode, RoundCourse> {
  const courses = new Map<WaitNode, RoundCourse>();
  const [ready, waiting] = [[], []] as [WaitNode[], WaitNode[]];
  for (const node of resident.sets.flat()) (node.lane!.waitsIn === null ? ready : waiting).push(node);
  for (const node of ready) {
    const course = readyCourses.of(resident, node);
    if (course.kind === 'goes round') courses.set(node, course);
    else {
      node.goesOn = true;
      node.does = 'runs on: nothing in memory holds it up';
    }
  }
  // Who goes round by what others tell it behind a barrier does not poll: one of those does.
  const told = [...courses.values()].filter(({ loads }) => loads.every(({ isPolled }) => !isPolled));
  const barriers = new Set(told.flatMap((course) => course.barriers));
  for (const node of waiting) {
    const { waitsIn } = node.lane!;
    if (waitsIn?.kind !== 'barrier' || !barriers.has(waitsIn.id)) continue;
    const course = new DryWarp(resident.block, resident.warps[node.warp]!).run(node.lanes, node.lanes);
    if (course.kind === 'goes round') courses.set(node, course);
  }
  return courses;
}

/** The courses of ready sets, of those at the same place with less work for all but the first. */
class ReadyCourses {
  /** Lanes that show by themselves what warps like theirs poll. */
  readonly #hints = new Map<string, number>();

  of({ block, warps }: ResidentBlock, node: WaitNode): LaneCourse {
    const { block: at, at: place } = node.lane!;
    const key = `${block.program.name} ${at} ${place} ${node.lanes}`;
    const warp = warps[node.warp]!;
    const hint = this.#hints.get(key);
    if (hint !== undefined) {
      const lane = warp.lanes.find((other) => other.lane === hint)!;
      const course = new DryWarp(block, warp).runAlone(lane);
      if (course?.kind === 'goes round' && wantedBy(course.exits).length > 0) return course;
    }
    const ready = maskOf(warp.lanes.filter(({ waitsIn }) => waitsIn === null));
    const course = new DryWarp(block, warp).run(ready, node.lanes);
    if (course.kind === 'goes round' && hint === undefined) this.#hint(key, block, warp, node.lanes);
    return course;
  }

  /** Remembers a lane that shows by itself what its warp polls: one lane is quicker than 32. */
  #hint(key: string, block: StandingBlock, warp: StandingWarp, lanes: number): void {
    for (const lane of warp.lanes) {
      if ((lanes & (1 << lane.lane)) === 0) continue;
      const course = new DryWarp(block, warp).runAlone(lane);
      if (course?.kind !== 'goes round' || !wantedBy(course.exits).some(({ wants }) => wants !== null)) continue;
      this.#hints.set(key, lane.lane);
      return;
    }
  }
}
