import {
  countDefinitions,
  defUseOf,
  type Instruction,
  immediatePostdominators,
  isArithmetic,
  mayThrow,
  type Operand,
  type Program,
  predecessorsOf,
  reachableWithout,
} from '../program/index.js';
import { graphOf, type Node, targetsOf } from './flow.js';

/** What is the same for all lanes of a warp. */
export interface Uniformity {
  /** By variable: one value a warp, or one a lane. */
  readonly isUniform: (operand: Operand) => boolean;
  /** Whether all lanes compute the same, so that one of them can stand for all. */
  readonly isUniformInstruction: (instruction: Instruction) => boolean;
  /** A multiple of 32 that is the same for all lanes, plus the lane. */
  readonly isLaneAffine: (operand: Operand) => boolean;
  /** Nodes whose branch lanes may take differently. */
  readonly divergentBranches: ReadonlySet<number>;
  /** Those of them where lanes that take one side exit, and the others go on together. */
  readonly exitBranches: ReadonlySet<number>;
  /** Immediate post-dominators for the lanes that neither throw nor leave by an exit branch; -1: none. */
  readonly postdominator: readonly number[];
}

/** What the launch fixes for the whole program. */
export interface Shape {
  /** Whether blockDim.x is a multiple of 32: threadIdx.y and .z are then the same for a warp. */
  readonly hasWholeRows: boolean;
}

/**
 * Divergence analysis.
 *
 * `converged`: all live lanes of a warp go through the program together, so that a variable is uniform if every value
 * that it is given is, and no divergent branch decides which. Otherwise lanes go on by themselves, and only what has one
 * value for the whole life of a warp is uniform: variables with one definition, from values of the launch and the block.
 * `ofLanes`: variables that are one a lane whatever they hold.
 */
export function analyseUniformity(
  program: Program,
  nodes: readonly Node[],
  { hasWholeRows }: Shape,
  converged: boolean,
  ofLanes: ReadonlySet<number> = new Set(),
): Uniformity {
  const definitions = countDefinitions(program);
  const varying = new Set<number>(ofLanes);
  /** Variables with one definition that are a multiple of 32, plus the lane. */
  const laneAffine = new Set<number>();
  const multiplesOf32 = new Set<number>();
  const divergentBranches = new Set<number>();

  const isUniform = (operand: Operand): boolean => {
    switch (operand.kind) {
      case 'variable':
        return !varying.has(operand.index);
      case 'special':
        return !(
          operand.name === 'laneId' ||
          operand.name === 'threadIdx.x' ||
          (!hasWholeRows && operand.name.startsWith('threadIdx.'))
        );
      default:
        return true;
    }
  };
  const isLaneAffine = (operand: Operand): boolean =>
    (operand.kind === 'variable' && laneAffine.has(operand.index)) ||
    (operand.kind === 'special' && (operand.name === 'laneId' || (hasWholeRows && operand.name === 'threadIdx.x')));
  const isMultipleOf32 = (operand: Operand): boolean =>
    operand.kind === 'constant'
      ? typeof operand.value === 'number' && operand.value % 32 === 0
      : operand.kind === 'variable' && multiplesOf32.has(operand.index) && isUniform(operand);

  for (const { items } of nodes) {
    for (const instruction of items) {
      if (!('to' in instruction) || typeof instruction.to !== 'number' || definitions[instruction.to] !== 1) continue;
      if (instruction.op !== 'binary' && instruction.op !== 'move') continue;
      if (instruction.op === 'move') {
        if (isLaneAffine(instruction.a)) laneAffine.add(instruction.to);
        continue;
      }
      const { operator, a, b, to } = instruction;
      if (operator === 'mul' && (isMultipleOf32(a) || isMultipleOf32(b))) multiplesOf32.add(to);
      if (operator === 'shl' && b.kind === 'constant' && Number(b.value) >= 5 && Number(b.value) < 27)
        multiplesOf32.add(to);
      if (operator === 'add') {
        const isSum = (x: Operand, y: Operand) =>
          isMultipleOf32(x) && (y.kind === 'special' ? y.name === 'laneId' : isLaneAffine(y));
        if (isSum(a, b) || isSum(b, a)) laneAffine.add(to);
        else if (isMultipleOf32(a) && isMultipleOf32(b)) multiplesOf32.add(to);
      }
    }
  }

  /** The same for all lanes although an operand is not: 32 neighbours fall on the same side. */
  const isUniformOfNeighbours = (instruction: Instruction): boolean => {
    if (instruction.op === 'binary') {
      const { operator, type, a, b } = instruction;
      if (!isLaneAffine(a) || b.kind !== 'constant' || type === 'f64') return false;
      const value = Number(b.value);
      if (operator === 'shr') return value >= 5 && value < 32;
      return operator === 'div' && value > 0 && value % 32 === 0;
    }
    if (instruction.op === 'compare') {
      const { operator, a, b } = instruction;
      return (
        (operator === 'lt' || operator === 'ge') &&
        isLaneAffine(a) &&
        b.kind === 'constant' &&
        Number(b.value) % 32 === 0
      );
    }
    return false;
  };

  const isUniformInstruction = (instruction: Instruction): boolean => {
    const { operands } = defUseOf(instruction);
    const all = operands.every(isUniform);
    switch (instruction.op) {
      case 'move':
      case 'unary':
      case 'binary':
      case 'compare':
      case 'select':
      case 'convert':
      case 'address':
      case 'loadTable':
        return all || isUniformOfNeighbours(instruction);
      case 'shared':
        return all;
      case 'load':
        return converged && all && instruction.to.every((target) => target.kind === 'variable');
      case 'store':
        return converged && all && instruction.values.every((value) => value.kind !== 'element');
      case 'collective': {
        if (!converged || !isUniform(instruction.mask)) return false;
        switch (instruction.operation) {
          case 'sync':
          case 'match.all':
          case 'redux.add':
          case 'redux.min':
          case 'redux.max':
          case 'redux.and':
          case 'redux.or':
          case 'redux.xor':
          case 'any':
          case 'all':
            return true;
          case 'ballot':
            return isUniform(instruction.a!);
          default:
            return false;
        }
      }
      case 'fence':
        return true;
      case 'activemask':
        return converged;
      default:
        return false;
    }
  };

  const graph = graphOf(nodes);
  let exitBranches: ReadonlySet<number> = new Set();
  let postdominator: readonly number[] = [];
  const influenced = new Set<number>();
  for (let changed = true; changed; ) {
    changed = false;
    exitBranches = converged ? findExitBranches(nodes, divergentBranches) : new Set();
    postdominator = immediatePostdominators(withoutExits(nodes, exitBranches));
    for (const node of divergentBranches) {
      const { end } = nodes[node]!;
      if (!converged || end.op !== 'branch' || exitBranches.has(node)) continue;
      for (const inside of reachableWithout(graph, [end.then, end.else], postdominator[node]!)) {
        if (!influenced.has(inside)) changed = true;
        influenced.add(inside);
      }
    }
    nodes.forEach(({ items, end }, node) => {
      for (const instruction of end.op === 'suspend' ? [...items, end.instruction] : items) {
        const stays =
          isUniformInstruction(instruction) && (!influenced.has(node) || isSpeculative(instruction, definitions));
        for (const target of defUseOf(instruction).targets) {
          if (varying.has(target)) continue;
          if (stays && (converged || definitions[target] === 1)) continue;
          // Whoever runs it, and however often, it comes to the same.
          if (!converged && definitions[target] === 1 && isUniformInstruction(instruction)) continue;
          varying.add(target);
          changed = true;
        }
      }
      if (end.op !== 'branch' || divergentBranches.has(node) || isUniform(end.condition)) return;
      divergentBranches.add(node);
      changed = true;
    });
  }
  return { isUniform, isUniformInstruction, isLaneAffine, divergentBranches, exitBranches, postdominator };
}

/**
 * Whether an instruction may be done where it would not have been: it computes a value that nobody else sets, and does
 * nothing else.
 */
export const isSpeculative = (instruction: Instruction, definitions: readonly number[]): boolean =>
  isArithmetic(instruction) && !mayThrow(instruction) && definitions[instruction.to] === 1;

/** Which side of a branch does nothing but exit; null if neither does. */
export function exitOf(nodes: readonly Node[], end: Extract<Node['end'], { op: 'branch' }>): 'then' | 'else' | null {
  const exits = (node: number) => nodes[node]!.items.length === 0 && nodes[node]!.end.op === 'exit';
  if (exits(end.then)) return 'then';
  return exits(end.else) ? 'else' : null;
}

/**
 * Divergent branches to an exit that some lanes take and others never have to: without them the rest of the program still
 * comes to an end. The exit of a loop is none.
 */
function findExitBranches(nodes: readonly Node[], divergentBranches: ReadonlySet<number>): Set<number> {
  const found = new Set<number>();
  for (const node of divergentBranches) {
    const { end } = nodes[node]!;
    if (end.op === 'branch' && exitOf(nodes, end) !== null) found.add(node);
  }
  for (;;) {
    const graph = withoutExits(nodes, found);
    const ends = nodes.flatMap(({ end }, node) => (end.op === 'exit' || end.op === 'throw' ? [node] : []));
    const reaching = reachableWithout(predecessorsOf(graph), ends, -1);
    const stuck = [...found].filter((node) => !reaching.has(node));
    if (stuck.length === 0) return found;
    // The first of a loop is its header.
    found.delete(stuck[0]!);
  }
}

/** The flow of the lanes that neither throw nor exit by one of the given branches. */
const withoutExits = (nodes: readonly Node[], exitBranches: ReadonlySet<number>): number[][] =>
  nodes.map(({ end }, node) => {
    if (end.op !== 'branch') return [...targetsOf(end)];
    const stays = [end.then, end.else].filter((target) => {
      const after = nodes[target]!;
      const exits = after.items.length === 0 && after.end.op === 'exit';
      return !(after.end.op === 'throw' || (exits && exitBranches.has(node)));
    });
    return stays.length === 0 ? [end.then, end.else] : stays;
  });
