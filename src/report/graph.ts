import type { Explanation, ExplanationEdge } from '../explain/explanation.js';
import { describeNode, formatWord } from '../explain/format.js';
import { mergedTo } from '../explain/merge.js';
import type { ReportPlace } from './report-data.js';

/** Cards that can be looked at together. */
const MOST_NODES = 24;

/** Who waits for what at the end of a run, in words. */
export interface ReportGraph {
  /** Null: nobody waits for ever, as far as can be seen. */
  readonly rootCause: ReportCause | null;
  readonly alsoFound: readonly ReportCause[];
  readonly nodes: readonly ReportNode[];
  readonly edges: readonly ReportEdge[];
}

export interface ReportCause {
  readonly cause: string;
  /** Without a full stop. */
  readonly sentence: string;
  readonly advice: string;
}

export interface ReportNode {
  readonly id: number;
  readonly title: string;
  /** What it does, and what more is known of it: a line each. */
  readonly lines: readonly string[];
  readonly place: ReportPlace | null;
}

export interface ReportEdge {
  readonly from: number;
  readonly to: number;
  readonly why: string;
  /** False: somebody else could let `from` go on as well. */
  readonly isNeeded: boolean;
}

export function graphOf(explanation: Explanation): ReportGraph {
  const { nodes, edges } = mergedTo(explanation, MOST_NODES);
  const { rootCause, alsoFound } = explanation;
  return {
    rootCause: rootCause === null ? null : causeOf(rootCause),
    alsoFound: alsoFound.map(causeOf),
    nodes: nodes.map((node): ReportNode => {
      const own = edges.filter(({ from }) => from === node.id);
      const [frame] = node.frames;
      return {
        id: node.id,
        title: describeNode(node),
        lines: [...(node.does === '' ? [] : doesLines(node.does, own)), ...node.details],
        place: frame === undefined ? null : { functionName: frame.functionName, file: frame.file, line: frame.line },
      };
    }),
    edges: edges.map(({ from, to, why, isNeeded }) => ({ from, to, why, isNeeded })),
  };
}

const causeOf = ({ cause, sentence, advice }: ReportCause): ReportCause => ({ cause, sentence, advice });

/** `polls flag of link 0 -> 1: wants 2, holds 0`, a line for each word. */
function doesLines(does: string, edges: readonly ExplanationEdge[]): string[] {
  const words = new Set(edges.flatMap(({ word }) => (word === null ? [] : [formatWord(word)])));
  return words.size === 0 ? [does] : [...words].map((word) => `${does} ${word}`);
}
