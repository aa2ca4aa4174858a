import type { StandingBlock } from '../hang/index.js';
import { lowestLane } from '../simt/for-engines.js';
import { controlFlowOf } from './control-flow.js';
import type { WaitNode } from './graph.js';
import type { RoundCourse } from './lane-course.js';
import { factsOf, type StoreSite, valueByCoordinates } from './stores.js';
import type { ThreadCoordinates } from './thread-coordinates.js';

/** What sets of lanes may still come to from where they are; those that poll, once they leave their loops. */
export class Reach {
  readonly #coordinates: ThreadCoordinates;
  readonly #courses: ReadonlyMap<WaitNode, RoundCourse>;

  constructor(coordinates: ThreadCoordinates, courses: ReadonlyMap<WaitNode, RoundCourse>) {
    this.#coordinates = coordinates;
    this.#courses = courses;
  }

  /** Whether a set may come to an instruction. */
  mayReach({ program }: StandingBlock, node: WaitNode, target: Pick<StoreSite, 'block' | 'at'>): boolean {
    const flow = controlFlowOf(program);
    const course = this.#courses.get(node);
    if (course !== undefined) {
      return course.leavesTo.some((from) => from === target.block || flow.reachableFrom(from).has(target.block));
    }
    const { block, at, waitsIn } = node.lane!;
    const isAhead = block === target.block && target.at >= (waitsIn === null ? at : at + 1);
    return isAhead || flow.reachableFrom(block).has(target.block);
  }

  /** Whether a set may come to a barrier of that number. */
  mayReachBarrier(block: StandingBlock, node: WaitNode, id: number): boolean {
    const { program } = block;
    const thread = this.#coordinates.inBlock(block, node.warp * 32 + lowestLane(node.lanes));
    return factsOf(program).barriers.some((barrier) => {
      if (!this.mayReach(block, node, barrier)) return false;
      const word = valueByCoordinates(program, barrier.id, thread);
      return word === undefined || word === id;
    });
  }
}
