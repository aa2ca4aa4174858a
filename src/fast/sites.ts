import { framesOf, type Instruction } from '../program/index.js';
import type { ThreadSite } from '../simt/errors.js';
import { formatLanes, hexMask, lowestLane } from '../simt/lanes.js';
import { OPERATION_NAMES } from '../simt/operation.js';
import type { Dim3 } from '../simt/scalar.js';
import type { WaitingGroup } from '../simt/waiting.js';
import { opcodeOf } from './collectives.js';
import { type FastBlock, type FastWarp, type LaneGroup, WAITS } from './warp.js';

const format = ({ x, y, z }: Dim3): string => `(${x},${y},${z})`;

/** Who a lane is and where. */
export function siteOfLane(
  warp: FastWarp,
  lane: number,
  operation: Instruction | null,
  site: number,
  masks: Int32Array,
): ThreadSite {
  const { block } = warp;
  return {
    rank: block.launch.device,
    kernel: block.launch.name,
    block: format(block.blockIdx),
    thread: format(block.launch.threadIdxs[warp.firstThread + lane]!),
    warp: warp.index,
    lane,
    operation: operation === null ? '' : describe(operation, masks[lane]!, 0, 0),
    frames: framesOf(block.kernel.program, site),
  };
}

function describe(instruction: Instruction, mask: number, id: number, count: number): string {
  if (instruction.op === 'collective') {
    return `${OPERATION_NAMES[opcodeOf(instruction)]} mask ${hexMask(mask)}`;
  }
  if (instruction.op === 'barrier') {
    const aligned = instruction.isAligned ? '.aligned' : '';
    const isOfBlock = instruction.kind === 'sync' && count === 0;
    return `barrier.${instruction.kind}${aligned} ${id}${isOfBlock ? ' (all threads of the block)' : `, ${count}`}`;
  }
  if (instruction.op === 'load') {
    const { ordering, scope, elementType, to } = instruction;
    const vector = to.length === 1 ? '' : `.v${to.length}`;
    return `ld.${ordering}${ordering === 'volatile' ? '' : `.${scope}`}${vector}.${elementType}`;
  }
  if (instruction.op === 'atomic')
    return `atom.${instruction.scope}.${instruction.operator}.${instruction.elementType}`;
  return instruction.op;
}

/** Where every lane is that has not exited: groups in order of their first thread, equal ones merged. */
export function describeWaiting(blocks: Iterable<FastBlock>): WaitingGroup[] {
  const merged = new Map<string, WaitingGroup>();
  for (const block of blocks) {
    for (const warp of block.warps) {
      const groups = [...warp.groups].filter(({ lanes }) => lanes !== 0);
      groups.sort((a, b) => lowestLane(a.lanes) - lowestLane(b.lanes));
      for (const group of groups) {
        const { site, reason } = describeGroup(block, warp, group);
        const lanes = formatLanes(group.lanes);
        const line = site.frames[0];
        const key = [site.rank, site.kernel, lanes, reason, line?.file, line?.line].join('|');
        const known = merged.get(key);
        merged.set(key, known === undefined ? { site, lanes, warps: 1, reason } : { ...known, warps: known.warps + 1 });
      }
    }
  }
  return [...merged.values()];
}

function describeGroup(block: FastBlock, warp: FastWarp, group: LaneGroup): { site: ThreadSite; reason: string } {
  const { kernel } = block;
  const lane = lowestLane(group.lanes);
  const instruction = group.state === WAITS || group.isPolling ? kernel.suspended[group.suspended]! : null;
  const mask = warp.waiting?.mask[lane] ?? 0;
  const masks = new Int32Array(32).fill(mask);
  const site: ThreadSite = {
    ...siteOfLane(warp, lane, instruction, instruction?.site ?? 0, masks),
    ...(instruction === null ? { frames: [] } : {}),
  };
  if (instruction === null) return { site, reason: 'is ready to go on' };
  const operation = describe(instruction, mask, group.barrierId, group.barrierCount);
  if (group.isPolling) return { site: { ...site, operation }, reason: `polls in vain with ${operation}` };
  return { site: { ...site, operation }, reason: reasonOf(block, warp, group, instruction, operation) };
}

function reasonOf(
  block: FastBlock,
  warp: FastWarp,
  group: LaneGroup,
  instruction: Instruction,
  operation: string,
): string {
  if (instruction.op === 'barrier') {
    const id = group.barrierId;
    const barrier = block.barriers[id];
    if (barrier === undefined || barrier === null) return `waits at barrier ${id}`;
    const missing = barrier.missingLanes(warp);
    if (missing !== 0) return `waits at barrier ${id} for lanes ${formatLanes(missing)} of its warp`;
    const { arrived, expected } = barrier.progress;
    return `waits at barrier ${id}: ${arrived} of ${expected} threads have arrived`;
  }
  const pending = warp.waiting?.pending.find(({ arrived }) => (arrived & group.lanes) !== 0);
  const missing = pending === undefined ? 0 : pending.mask & warp.live & ~pending.arrived;
  return `waits in ${operation} for lanes ${formatLanes(missing)}`;
}
