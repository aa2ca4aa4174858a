import type { Machine } from '../simt/index.js';
import { waitGraphOf } from './build-graph.js';
import type { Explanation } from './explanation.js';
import { mergedTo, plainGraph } from './merge.js';
import { rootCausesOf } from './root-cause.js';

/** Most nodes of an explanation before more is merged. */
const MOST_NODES = 200;

/**
 * Why a machine in mode `step` hangs: its run has ended, or it stands between two steps. Nothing of it is changed; what
 * has been queued since its last step begins.
 * @throws RangeError if the machine is in another mode, or has not begun
 */
export function explainHang(machine: Machine): Explanation {
  const graph = waitGraphOf(machine);
  const hasHung = endsInHang(machine);
  const [rootCause = null, ...alsoFound] = rootCausesOf(graph);
  const threads = graph.nodes.reduce((sum, node) => sum + (node.kind === 'threads' ? node.threads : 0), 0);
  return { steps: machine.steps, hasHung, rootCause, alsoFound, threads, ...mergedTo(plainGraph(graph), MOST_NODES) };
}

/** Whether the run of a machine is over, and not by an error. */
function endsInHang(machine: Machine): boolean {
  try {
    // A run that is over gives its outcome; in any other there is no such granule, and no step is made.
    const outcome = machine.stepAt(-1);
    return outcome !== null && outcome.verdict !== 'completes' && outcome.verdict !== 'error';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
