import { describe, expect, test } from 'vitest';
import {
  type Explanation,
  type ExplanationEdge,
  type ExplanationNode,
  formatDot,
  formatExplanation,
} from '../../src/explain/index.js';

const node = (id: number, given: Partial<ExplanationNode> = {}): ExplanationNode => ({
  id,
  kind: 'threads',
  ranks: [0],
  kernel: 'kernel',
  blocks: ['(0,0,0)'],
  groups: [],
  warps: [id],
  lanes: ['0-31'],
  threads: 32,
  count: 1,
  does: 'waits',
  details: [],
  frames: [{ file: 'kernel.ts', line: 100 + id, column: 1, functionName: 'kernel' }],
  ...given,
});

const edge = (from: number, to: number): ExplanationEdge => ({
  from,
  to,
  kind: 'barrier',
  word: null,
  why: 'missing',
  isNeeded: true,
  count: 1,
});

const explanation = (nodes: readonly ExplanationNode[], edges: readonly ExplanationEdge[] = []): Explanation => ({
  steps: 1,
  hasHung: true,
  rootCause: null,
  alsoFound: [],
  threads: nodes.reduce((sum, { threads }) => sum + threads, 0),
  nodes,
  edges,
});

const ten = Array.from({ length: 10 }, (_, index) => node(index + 1));

describe('too much to be shown', () => {
  test('what shown edges point to is shown nevertheless', () => {
    const text = formatExplanation(explanation(ten, [edge(1, 9), edge(9, 10)]), { mostLines: 12 });
    expect(text).toContain('-> [9] missing');
    expect(text).toContain('  [9] rank 0 block (0,0,0) warp 9 (32 threads)\n      waits\n');
    expect(text).not.toContain('[10]');
    expect(text).toMatch(/… and 6 more$/);
  });

  test('nothing else is', () => {
    const text = formatExplanation(explanation(ten), { mostLines: 12 });
    expect(text).not.toContain('[9]');
    expect(text).toMatch(/… and 6 more$/);
  });
});

describe('who a node is', () => {
  const scattered = ['(0,0,0)', '(1,1,0)', '(2,0,1)'];

  test.each<[string, Partial<ExplanationNode>]>([
    [
      'rank 2, 3 blocks, receiving groups for peer ranks 3-5, warps 0-1 (32 threads)',
      {
        ranks: [2],
        blocks: scattered,
        groups: [3, 4, 5].map((rank) => `receiving group for peer rank ${rank}`),
        warps: [0, 1],
      },
    ],
    ['rank 1, 3 blocks, warp 7 (32 threads)', { ranks: [1], blocks: scattered, warps: [7] }],
    ['rank 1 blocks (0,0-1,0), warp 7 (32 threads)', { ranks: [1], blocks: ['(0,0,0)', '(0,1,0)'], warps: [7] }],
    ['rank 0 block (0,0,0) warp 7 lane 3 (32 threads)', { warps: [7], lanes: ['3'] }],
    ['rank 0 block (0,0,0) (32 threads)', { kind: 'returned', warps: [] }],
  ])('%s', (text, given) => {
    expect(formatExplanation(explanation([node(1, given)]))).toContain(`  [1] ${text}\n`);
  });
});

describe('the graph for Graphviz', () => {
  test('labels have the number of the text and the line', () => {
    const dot = formatDot(explanation([node(1), node(2)], [edge(1, 2)]), {
      beside: ({ line }) => ` (kernel.cu:${line - 100})`,
    });
    expect(dot).toContain(
      '[label="[1] rank 0 block (0,0,0) warp 1 (32 threads)\\nwaits\\nat kernel.ts:101 (kernel.cu:1)"]',
    );
    expect(dot).toContain(
      '[label="[2] rank 0 block (0,0,0) warp 2 (32 threads)\\nwaits\\nat kernel.ts:102 (kernel.cu:2)"]',
    );
    expect(dot).not.toContain('nobody waits');
  });

  test('a call that completes', () => {
    expect(formatDot(explanation([]))).toContain('[label="nobody waits: no thread is left", style=dashed];');
  });
});
