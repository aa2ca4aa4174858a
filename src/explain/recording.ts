import type { ControlFlow } from './control-flow.js';
import type { Exit, LaneCourse, RoundCourse } from './lane-course.js';
import { dependsOnPoll, keyOfLoad, type Load } from './values.js';

/** What a lane does on its way round a loop. */
export class Recording {
  readonly #flow: ControlFlow;
  readonly #blocks = new Set<number>();
  /** Branches on what was loaded, by block: the last of each, and the block that it did not go to. */
  readonly #branches = new Map<number, Exit & { readonly other: number }>();
  readonly #loads = new Map<string, Load>();
  readonly #barriers = new Set<number>();

  constructor(flow: ControlFlow) {
    this.#flow = flow;
  }

  /** It enters a basic block. */
  enter(block: number): void {
    this.#blocks.add(block);
  }

  /** It branches at the end of a block; it would have gone to `other` if the condition were as the exit wants it. */
  branch(block: number, other: number, exit: Exit): void {
    this.#branches.set(block, { ...exit, other });
  }

  load(load: Load): void {
    const key = keyOfLoad(load);
    if (load.isPolled || !this.#loads.has(key)) this.#loads.set(key, load);
  }

  /** It passes a barrier. */
  barrier(id: number): void {
    this.#barriers.add(id);
  }

  /** The course of a lane that has gone once round. */
  course(): RoundCourse {
    const inLoop = this.#flow.loopAround(this.#blocks)?.blocks ?? this.#blocks;
    const exits: Exit[] = [];
    const leavesTo = new Set<number>();
    for (const block of inLoop) {
      for (const after of this.#flow.successors[block]!) if (!inLoop.has(after)) leavesTo.add(after);
    }
    for (const [block, { other, ...exit }] of this.#branches) {
      if (inLoop.has(block) && !inLoop.has(other)) exits.push(exit);
    }
    return {
      kind: 'goes round',
      exits,
      loads: [...this.#loads.values()],
      barriers: [...this.#barriers],
      leavesTo: [...leavesTo],
    };
  }

  /** The course of a lane that never comes back to the same state, because it counts its rounds or works. */
  courseOfCount(): LaneCourse {
    if (![...this.#loads.values()].some(({ isPolled }) => isPolled)) return { kind: 'goes on' };
    const course = this.course();
    const exits = course.exits.filter(({ condition }) => dependsOnPoll(condition));
    return exits.length === 0 ? { kind: 'goes on' } : { ...course, exits };
  }
}
