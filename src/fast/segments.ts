import { defUseOf, type Instruction, isArithmetic, type Operand } from '../program/index.js';
import type { Node } from './flow.js';
import { type Hammock, nodesInOrder } from './hammocks.js';
import type { Uniformity } from './uniformity.js';

/** A part of a lane loop. */
export type LanePart =
  | { readonly kind: 'instruction'; readonly instruction: Instruction }
  | { readonly kind: 'hammock'; readonly hammock: Hammock }
  /** Hands the operands of a warp-wide operation to the machine. */
  | { readonly kind: 'offer'; readonly instruction: Instruction }
  /** Takes its results. */
  | { readonly kind: 'receive'; readonly instruction: Instruction }
  /** Takes the result of a vote among the lanes of its mask; what was voted is in a local of the region. */
  | { readonly kind: 'vote'; readonly instruction: Collective };

/** A part of a node, in order: done once for the warp, or in a loop over its lanes. */
export type Segment =
  | { readonly kind: 'warp'; readonly instruction: Instruction }
  | { readonly kind: 'lanes'; readonly parts: readonly LanePart[]; readonly id: number }
  /** A warp-wide operation of a converged warp; operands have been offered, where it needs them. */
  | { readonly kind: 'collective'; readonly instruction: Instruction; readonly isOffered: boolean }
  /** A vote under masks that differ by lane and never change: they are looked at once for each set of live lanes. */
  | { readonly kind: 'masks'; readonly instruction: Collective }
  /** The same where lanes may part: done in place if all live lanes are here and have been before, else offered. */
  | { readonly kind: 'meeting'; readonly instruction: Collective; readonly id: number };

export type Collective = Extract<Instruction, { op: 'collective' }>;

/** What a lane part does to memory. */
interface Effects {
  readonly touches: boolean;
  readonly writes: boolean;
  readonly isVisible: boolean;
}

const NONE: Effects = { touches: false, writes: false, isVisible: false };

function effectsOf(instruction: Instruction): Effects {
  switch (instruction.op) {
    case 'load':
      return { touches: true, writes: false, isVisible: instruction.ordering !== 'plain' };
    case 'store':
      return { touches: true, writes: true, isVisible: instruction.ordering !== 'plain' };
    case 'atomic':
      return { touches: true, writes: true, isVisible: true };
    default:
      return NONE;
  }
}

/** What the nodes' code is made of. */
export interface Segments {
  /** By node. */
  readonly ofNode: ReadonlyMap<number, readonly Segment[]>;
  readonly laneLoops: number;
}

/**
 * Cuts nodes into segments. A lane loop has plain accesses, or one visible access; both only where all of them load. So
 * the warp performs accesses in the order in which the machine of `ref` does: plain ones lane by lane, then a visible one
 * of each lane. Within a hammock lanes go one after the other. `isOfLanes`: arrays that lanes clear one by one.
 */
export function cutSegments(
  nodes: readonly Node[],
  hammocks: readonly Hammock[],
  { isUniform, isUniformInstruction }: Uniformity,
  isConstantMask: (mask: Operand) => boolean,
  isOfLanes: (array: number) => boolean,
): Segments {
  const inHammock = new Set(hammocks.flatMap(({ nodes: inside }) => [...inside]));
  const hammockAt = new Map(hammocks.map((hammock) => [hammock.entry, hammock]));
  const receives = new Map<number, Instruction>();
  for (const { end } of nodes) {
    if (end.op === 'suspend' && end.instruction.op === 'collective') receives.set(end.target, end.instruction);
  }
  const ofNode = new Map<number, readonly Segment[]>();
  let laneLoops = 0;
  nodes.forEach((node, index) => {
    const hammock = hammockAt.get(index);
    if (inHammock.has(index) && !(hammock?.isLoop ?? false)) return;
    ofNode.set(index, cutNode(node, index, hammock));
  });
  return { ofNode, laneLoops };

  function cutNode(node: Node, index: number, hammock: Hammock | undefined): Segment[] {
    const segments: Segment[] = [];
    let pending: LanePart[] = [];
    let memory: Effects = NONE;
    let referenced = new Set<number>();
    let written = new Set<number>();
    let arrays = new Set<number>();

    const flush = () => {
      if (pending.length > 0) segments.push({ kind: 'lanes', parts: pending, id: laneLoops++ });
      pending = [];
      memory = NONE;
      referenced = new Set();
      written = new Set();
      arrays = new Set();
    };
    const note = (instruction: Instruction) => {
      const { operands, reads, writes, targets } = defUseOf(instruction);
      for (const operand of operands) if (operand.kind === 'variable') referenced.add(operand.index);
      for (const { array } of [...reads, ...writes]) arrays.add(array);
      for (const target of targets) {
        referenced.add(target);
        written.add(target);
      }
    };
    const addLane = (part: LanePart, instructions: readonly Instruction[]) => {
      const all = instructions.map(effectsOf);
      const effects: Effects = {
        touches: all.some(({ touches }) => touches),
        writes: all.some(({ writes }) => writes),
        isVisible: all.some(({ isVisible }) => isVisible),
      };
      // After a visible access, memory is for the next step. A visible access comes after all lanes' plain ones, unless
      // nobody could tell.
      if (effects.touches && memory.isVisible) flush();
      else if (effects.isVisible && memory.touches && (effects.writes || memory.writes)) flush();
      pending.push(part);
      instructions.forEach(note);
      memory = {
        touches: memory.touches || effects.touches,
        writes: memory.writes || effects.writes,
        isVisible: memory.isVisible || effects.isVisible,
      };
    };
    /** Whether something for the warp may be done before the pending lane loop, although it stands behind. */
    const canOvertake = (instruction: Instruction): boolean => {
      const effects = effectsOf(instruction);
      if (effects.touches && memory.touches && (effects.writes || memory.writes)) return false;
      if (effects.touches && memory.isVisible) return false;
      const { operands, targets } = defUseOf(instruction);
      if (targets.some((target) => referenced.has(target))) return false;
      return !operands.some((operand) => operand.kind === 'variable' && written.has(operand.index));
    };

    const received = receives.get(index);
    if (received !== undefined) addLane({ kind: 'receive', instruction: received }, [received]);

    if (hammock?.isLoop !== true) {
      for (const instruction of node.items) {
        if (instruction.op === 'fence') continue;
        if (instruction.op === 'clearArray' && !isOfLanes(instruction.array)) {
          if (arrays.has(instruction.array)) flush();
          segments.push({ kind: 'warp', instruction });
          continue;
        }
        if (instruction.op === 'collective') {
          cutCollective(instruction);
          continue;
        }
        if (instruction.op === 'activemask' || (isUniformInstruction(instruction) && setsUniform(instruction))) {
          if (!canOvertake(instruction)) flush();
          if (instruction.op === 'activemask' && !setsUniform(instruction)) {
            addLane({ kind: 'instruction', instruction }, [instruction]);
          } else segments.push({ kind: 'warp', instruction });
          continue;
        }
        addLane({ kind: 'instruction', instruction }, [instruction]);
      }
    }
    if (hammock !== undefined) {
      const all = nodesInOrder(nodes, hammock).flatMap((other) => nodes[other]!.items);
      // What is the same for all lanes is computed once, whether or not a lane comes by.
      for (const instruction of all.filter(setsUniform)) {
        if (isArithmetic(instruction)) {
          if (!canOvertake(instruction)) flush();
          segments.push({ kind: 'warp', instruction });
        }
      }
      const inside = all.filter((instruction) => !isArithmetic(instruction) || !setsUniform(instruction));
      addLane({ kind: 'hammock', hammock }, inside);
    }
    if (node.end.op === 'suspend') {
      const { instruction } = node.end;
      const needsOffer =
        instruction.op === 'collective' ||
        (instruction.op === 'barrier' && !(isUniform(instruction.id) && isUniform(instruction.threadCount)));
      if (instruction.op === 'collective' && isMeeting(instruction)) {
        flush();
        segments.push({ kind: 'meeting', instruction, id: laneLoops++ });
      } else if (needsOffer) addLane({ kind: 'offer', instruction }, [instruction]);
    }
    flush();
    return segments;

    function cutCollective(instruction: Extract<Instruction, { op: 'collective' }>): void {
      const isVote = ['sync', 'any', 'all', 'ballot'].includes(instruction.operation);
      const hasOneMask = isUniform(instruction.mask);
      if (isVote && hasOneMask) {
        if (instruction.operation === 'sync') {
          if (isFull(instruction.mask)) {
            // Memory is in order anyway; what stands before is performed before what stands behind.
            if (memory.touches) flush();
            return;
          }
          flush();
          segments.push({ kind: 'collective', instruction, isOffered: false });
          return;
        }
        flush();
        segments.push({ kind: 'collective', instruction, isOffered: false });
        if (!setsUniform(instruction)) addLane({ kind: 'receive', instruction }, [instruction]);
        return;
      }
      if (isVote && isConstantMask(instruction.mask)) {
        flush();
        segments.push({ kind: 'masks', instruction });
        if (instruction.operation !== 'sync') addLane({ kind: 'vote', instruction }, [instruction]);
        return;
      }
      addLane({ kind: 'offer', instruction }, [instruction]);
      flush();
      segments.push({ kind: 'collective', instruction, isOffered: true });
      if (instruction.to !== -1 && !setsUniform(instruction)) addLane({ kind: 'receive', instruction }, [instruction]);
    }
  }

  /** A vote or a sync under a mask of each lane that never changes. */
  function isMeeting({ operation, mask }: Collective): boolean {
    return ['sync', 'any', 'all'].includes(operation) && !isUniform(mask) && isConstantMask(mask);
  }

  function setsUniform(instruction: Instruction): boolean {
    return defUseOf(instruction).targets.every((index) => isUniform({ kind: 'variable', index }));
  }
}

export const isFull = (mask: Operand): boolean =>
  mask.kind === 'constant' && typeof mask.value === 'number' && (mask.value | 0) === -1;
