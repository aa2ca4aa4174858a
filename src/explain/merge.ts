import { formatLanes } from '../simt/index.js';
import type { Explanation, ExplanationEdge, ExplanationNode, ExplanationWord } from './explanation.js';
import type { WaitGraph } from './graph.js';
import { formatDim3 } from './names.js';

/**
 * How much two nodes may differ and still be one: 0: in the warp and the last number of a word; 1: in the block as well, and in numbers of words, such
 * as the channel; 2: in ranks as well.
 */
type MergeLevel = 0 | 1 | 2;

type Graph = Pick<Explanation, 'nodes' | 'edges'>;

/** A wait-for graph as plain data, nothing merged. */
export function plainGraph({ nodes, edges }: WaitGraph): Graph {
  return {
    nodes: nodes.map(
      ({ id, kind, rank, kernel, blockIdx, group, warp, lanes, threads, does, detail, frames }): ExplanationNode => ({
        id: id + 1,
        kind,
        ranks: rank === -1 ? [] : [rank],
        kernel,
        blocks: blockIdx === null ? [] : [formatDim3(blockIdx)],
        groups: group === null ? [] : [group.name],
        warps: warp === -1 ? [] : [warp],
        lanes: lanes === 0 ? [] : [formatLanes(lanes)],
        threads,
        count: 1,
        does,
        details: detail === '' ? [] : [detail],
        frames,
      }),
    ),
    edges: edges.map(
      ({ from, to, kind, word, why, isNeeded }): ExplanationEdge => ({
        from: from + 1,
        to: to + 1,
        kind,
        why,
        isNeeded,
        count: 1,
        word:
          word === null
            ? null
            : {
                name: word.symbol?.name ?? word.name,
                of: word.symbol === null || word.symbol.of === '' ? [] : [word.symbol.of],
                index: (word.symbol?.index ?? []).map(([name, value]) => [name, [value]] as const),
                addresses: [word.address],
                wants: word.wants === null ? [] : [word.wants],
                holds: [word.holds],
              },
      }),
    ),
  };
}

/** Merges nodes that are alike, and edges between them. */
function mergeGraph({ nodes, edges }: Graph, level: MergeLevel): Graph {
  const wordsOf = wordTexts(nodes, edges, level);
  const places = new Map<string, number>();
  const groups: ExplanationNode[][] = [];
  const placeOf = nodes.map((node, index) => {
    const key = keyOf(node, level, wordsOf[index]!);
    let place = places.get(key);
    if (place === undefined) {
      place = groups.length;
      places.set(key, place);
      groups.push([]);
    }
    groups[place]!.push(node);
    return place;
  });
  const merged = groups.map((group, index) => mergeNodes(group, index + 1));
  const edgeGroups = new Map<string, ExplanationEdge[]>();
  for (const edge of edges) {
    const [from, to] = [placeOf[edge.from - 1]! + 1, placeOf[edge.to - 1]! + 1];
    const key = `${from} ${to} ${edge.kind} ${edge.isNeeded} ${general(edge.why, level)} ${wordKey(edge.word, level)}`;
    const group = edgeGroups.get(key);
    if (group === undefined) edgeGroups.set(key, [{ ...edge, from, to }]);
    else group.push({ ...edge, from, to });
  }
  return { nodes: merged, edges: Array.from(edgeGroups.values(), mergeEdges) };
}

/** A text with its numbers left out, if that is what the level says. */
const general = (text: string, level: MergeLevel): string => (level === 0 ? text : text.replace(/\d+/g, '#'));

function keyOf(node: ExplanationNode, level: MergeLevel, words: string): string {
  const { kind, ranks, kernel, blocks, groups, does, details, frames } = node;
  const line = frames.map(({ file, line: at }) => `${file}:${at}`).join();
  const who = level === 2 ? groups.map((name) => general(name, 2)).join() : `${ranks.join()} ${groups.join()}`;
  const where = level === 0 ? blocks.join() : '';
  return [
    kind,
    kernel,
    who,
    where,
    level === 2 ? general(does, 2) : does,
    general(details.join(), level),
    line,
    words,
  ].join('|');
}

/** The words that each node waits for, as far as the level tells them apart. */
function wordTexts(nodes: readonly ExplanationNode[], edges: readonly ExplanationEdge[], level: MergeLevel): string[] {
  const texts = nodes.map(() => new Set<string>());
  for (const { from, word } of edges) if (word !== null) texts[from - 1]!.add(wordKey(word, level));
  return texts.map((set) => [...set].join());
}

function wordKey(word: ExplanationWord | null, level: MergeLevel): string {
  if (word === null) return '';
  const { name, of, index, wants } = word;
  if (level === 2) return `${name} ${index.length} ${wants.map((text) => general(text, 2)).join()}`;
  if (level === 1)
    return `${general(name, 1)} ${of.join()} ${index.length} ${wants.map((text) => general(text, 1)).join()}`;
  // The last of several numbers, such as the packet, is what warps of a group differ in.
  const fixed = index.length > 1 ? index.slice(0, -1) : index;
  return `${name} ${of.join()} ${JSON.stringify(fixed)} ${wants.join()}`;
}

function union<T>(lists: readonly (readonly T[])[]): T[] {
  const found = new Set<T>();
  for (const list of lists) for (const item of list) found.add(item);
  return [...found];
}

function mergeNodes(group: readonly ExplanationNode[], id: number): ExplanationNode {
  const first = group[0]!;
  if (group.length === 1) return { ...first, id };
  return {
    ...first,
    id,
    ranks: union(group.map(({ ranks }) => ranks)).sort((a, b) => a - b),
    blocks: union(group.map(({ blocks }) => blocks)),
    groups: union(group.map(({ groups }) => groups)),
    warps: union(group.map(({ warps }) => warps)).sort((a, b) => a - b),
    lanes: union(group.map(({ lanes }) => lanes)),
    threads: group.reduce((sum, { threads }) => sum + threads, 0),
    count: group.reduce((sum, { count }) => sum + count, 0),
    details: union(group.map(({ details }) => details)),
    does: union(group.map(({ does }) => [does])).length === 1 ? first.does : general(first.does, 1).replace(/#/g, '…'),
  };
}

function mergeEdges(group: readonly ExplanationEdge[]): ExplanationEdge {
  const first = group[0]!;
  if (group.length === 1) return first;
  const words = group.flatMap(({ word }) => (word === null ? [] : [word]));
  const count = group.reduce((sum, edge) => sum + edge.count, 0);
  const why =
    union(group.map((edge) => [edge.why])).length === 1 ? first.why : general(first.why, 1).replace(/#/g, '…');
  const [word] = words;
  if (word === undefined) return { ...first, why, count };
  return {
    ...first,
    why,
    count,
    word: {
      name: union(words.map(({ name }) => [name])).length === 1 ? word.name : general(word.name, 1).replace(/#/g, '…'),
      of: union(words.map(({ of }) => of)),
      index: word.index.map(([name], at) => [
        name,
        union(words.map(({ index }) => index[at]?.[1] ?? [])).sort((a, b) => a - b),
      ]),
      addresses: union(words.map(({ addresses }) => addresses)).slice(0, 16),
      wants: union(words.map(({ wants }) => wants)).slice(0, 16),
      holds: union(words.map(({ holds }) => holds)).slice(0, 16),
    },
  };
}

const LEVELS: readonly MergeLevel[] = [0, 1, 2];

/** The graph merged as little as makes it at most `most` nodes, or else as much as can be. */
export function mergedTo(graph: Graph, most: number): Graph {
  let merged = graph;
  for (const level of LEVELS) {
    merged = mergeGraph(merged, level);
    if (merged.nodes.length <= most) break;
  }
  return merged;
}
