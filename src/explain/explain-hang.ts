import type { Machine } from '../simt/index.js';
import { waitGraphOf } from './build-graph.js';
import type { Explanation } from './explanation.js';
import { mergedTo, plainGraph } from './merge.js';
import { rootCausesOf } from './root-cause.js';

/** Most nodes of an explanation before more is merged. */
const MOST_NODES = 200;

/**
 * Why a machine in mode `step` hangs: its run has ended, or it stands between two steps. Nothing of it is changed.
 * @throws RangeError if the machine is in another mode, or has not begun
 */
export function explainHang(machine: Machine): Explanation {
  const graph = waitGraphOf(machine);
  const [rootCause = null, ...alsoFound] = rootCausesOf(graph);
  const threads = graph.nodes.reduce((sum, node) => sum + (node.kind === 'threads' ? node.threads : 0), 0);
  return { steps: machine.steps, rootCause, alsoFound, threads, ...mergedTo(plainGraph(graph), MOST_NODES) };
}
