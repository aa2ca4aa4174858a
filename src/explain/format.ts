import { formatRanges, type SourceFrame } from '../simt/index.js';
import type { Explanation, ExplanationEdge, ExplanationNode, ExplanationWord, RootCause } from './explanation.js';
import { mergedTo } from './merge.js';
import { counted } from './names.js';

/** How {@link formatExplanation} writes. */
export interface FormatOptions {
  /** Columns; default 100. */
  readonly width?: number;
  /** Most lines of the wait-for graph; default 40. */
  readonly mostLines?: number;
  /** What stands behind a source line, such as the original's line; default: nothing. */
  readonly beside?: (frame: SourceFrame) => string;
}

/** Nodes that fit into 40 lines. */
const FEW_NODES = 10;
/** Most links that further causes name. */
const MOST_LINKS = 8;
/** Most edges of a node that are shown. */
const MOST_EDGES = 4;

/** The explanation as text: what is wrong, what to do, then who waits for what. */
export function formatExplanation(explanation: Explanation, options: FormatOptions = {}): string {
  const { width = 100, mostLines = 40 } = options;
  const { rootCause, hasHung, threads, steps } = explanation;
  const lines: string[] = [];
  if (rootCause === null) {
    lines.push(
      threads === 0 ? NOBODY_WAITS : `nobody waits for ever, as far as can be seen after ${counted(steps, 'step')}`,
    );
  } else lines.push(...formatCause(titleOf(hasHung, rootCause), rootCause, width));
  lines.push(...formatOthers(explanation, width));
  const graph = explanation.nodes.length > FEW_NODES ? mergedTo(explanation, FEW_NODES) : explanation;
  const edgesOf = graph.nodes.map((): ExplanationEdge[] => []);
  for (const edge of graph.edges) edgesOf[edge.from - 1]!.push(edge);
  const shown: string[] = [];
  const named = new Set<number>();
  let left = 0;
  let isFull = false;
  for (const [index, node] of graph.nodes.entries()) {
    const told = toldOf(edgesOf[index]!);
    const text = formatNode(node, edgesOf[index]!, graph.nodes, options).flatMap((line) => wrapLine(line, width));
    isFull ||= shown.length + text.length > mostLines && shown.length > 0;
    if (!isFull) {
      shown.push(...text);
      for (const { to } of told) named.add(to);
    } else if (named.has(node.id)) {
      // What has been pointed to is told, without what it waits for itself.
      shown.push(...formatNode(node, [], graph.nodes, options).flatMap((line) => wrapLine(line, width)));
    } else left++;
  }
  if (shown.length > 0) lines.push('', 'who waits for what:', ...shown);
  if (left > 0) lines.push(`  … and ${left} more`);
  return lines.join('\n');
}

/** `root cause: cycle`; while the run may still go on it is not certain. */
const titleOf = (hasHung: boolean, { cause }: RootCause): string =>
  `${hasHung ? 'root cause' : 'if nothing else happens'}: ${cause}`;

/** The edges of a node that are shown. Of a launch its threads say what they wait for. */
const toldOf = (edges: readonly ExplanationEdge[]): readonly ExplanationEdge[] =>
  edges.filter(({ kind }) => kind !== 'launch').slice(0, MOST_EDGES);

function formatCause(title: string, { sentence, advice }: RootCause, width: number): string[] {
  return [title, ...wrapLine(`  ${sentence}`, width), ...wrapLine(`  do: ${advice}`, width)];
}

/** The other causes: the first of each class, and how many more there are of it. */
function formatOthers({ rootCause, alsoFound }: Explanation, width: number): string[] {
  const lines: string[] = [];
  const classes = new Set(alsoFound.map(({ cause }) => cause));
  for (const cause of classes) {
    const all = alsoFound.filter((other) => other.cause === cause);
    const rest = cause === rootCause?.cause ? all : all.slice(1);
    if (cause !== rootCause?.cause) lines.push(...formatCause(`also: ${cause}`, all[0]!, width));
    if (rest.length === 0) continue;
    const links = rest.flatMap(({ subject }) => (subject.link === undefined ? [] : [subject.link]));
    const named =
      links.length === 0
        ? ''
        : `: link ${links.slice(0, MOST_LINKS).join(', ')}${links.length > MOST_LINKS ? ', …' : ''}`;
    lines.push(...wrapLine(`also: ${cause}, ${counted(rest.length, 'more case')}${named}`, width));
  }
  return lines;
}

function formatNode(
  node: ExplanationNode,
  edges: readonly ExplanationEdge[],
  nodes: readonly ExplanationNode[],
  { beside }: FormatOptions,
): string[] {
  const { does, details } = node;
  const words = wordsOf(edges);
  const detail = details.length === 0 ? '' : `: ${some(details, 2)}`;
  const lines = [`  [${node.id}] ${describeNode(node)}`];
  if (node.kind === 'nobody') lines.push(...details.map((text) => `      ${text}`));
  else if (words.length === 0) lines.push(`      ${does}${detail}`);
  for (const word of words) lines.push(`      ${does} ${formatWord(word)}`);
  if (words.length > 0 && details.length > 0) lines.push(`      ${some(details, 2)}`);
  const frame = node.frames[0];
  if (frame !== undefined) lines.push(`      at ${frame.file}:${frame.line}${beside?.(frame) ?? ''}`);
  for (const { to, why } of toldOf(edges)) {
    const target = nodes[to - 1]!;
    const isTold = target.kind === 'threads' || target.kind === 'nobody';
    lines.push(`      -> [${to}] ${[why, isTold ? '' : target.does].filter((text) => text !== '').join('; ')}`);
  }
  const more = edges.filter(({ kind }) => kind !== 'launch').length - toldOf(edges).length;
  if (more > 0) lines.push(`      -> and ${more} more`);
  return lines;
}

/** Who a node is: `rank 1 block (0,0,1), receiving group for peer rank 0, warp 0 (32 threads)`. */
export function describeNode(node: ExplanationNode): string {
  const { kind, ranks, kernel, blocks, groups, warps, lanes, threads, count } = node;
  if (kind === 'nobody') return 'nobody';
  const parts = [ranks.length === 0 ? kernel : `${ranks.length === 1 ? 'rank' : 'ranks'} ${formatRanges(ranks)}`];
  if (kind === 'launch' || kind === 'queued' || kind === 'never launched') {
    return `${kernel} of ${parts[0]}`;
  }
  if (blocks.length === 1) parts.push(` block ${blocks[0]}`);
  else if (blocks.length > 1) parts.push(blocksText(blocks));
  else if (kind === 'not resident') parts.push(` blocks of ${kernel}`);
  if (groups.length > 0) parts.push(`, ${groupsText(groups)}`);
  if (kind === 'threads') {
    // A number behind a number would read as one.
    const isList = groups.length > 0 || blocks.length > 1;
    parts.push(`${isList ? ',' : ''} ${warps.length === 1 ? 'warp' : 'warps'} ${formatRanges(warps)}`);
    if (lanes.length === 1 && lanes[0] !== '0-31')
      parts.push(` ${/^\d+$/.test(lanes[0]!) ? 'lane' : 'lanes'} ${lanes[0]}`);
  }
  const howMany =
    threads === 0
      ? ''
      : ` (${counted(threads, 'thread')}${count > 1 && kind === 'returned' ? `, ${count} groups` : ''})`;
  return `${parts.join('')}${howMany}`;
}

/** `sending group for peer rank 1`, or with ranges where names differ in one number. */
function groupsText(groups: readonly string[]): string {
  if (groups.length === 1) return groups[0]!;
  const stems = new Map<string, number[]>();
  for (const name of groups) {
    const number = /\d+/.exec(name)?.[0];
    const stem = name.replace(/\d+/, '#');
    stems.set(stem, [...(stems.get(stem) ?? []), ...(number === undefined ? [] : [Number(number)])]);
  }
  return Array.from(stems, ([stem, numbers]) =>
    stem
      .replace('group ', 'groups ')
      .replace('rank #', `ranks ${formatRanges(numbers)}`)
      .replace('#', formatRanges(numbers)),
  ).join(', ');
}

/** ` blocks (0,0-3,1)`, or `, 3 blocks`. */
function blocksText(blocks: readonly string[]): string {
  const axes: number[][] = [[], [], []];
  for (const block of blocks) {
    for (const [axis, value] of block.slice(1, -1).split(',').entries()) axes[axis]!.push(Number(value));
  }
  const sizes = axes.map((values) => new Set(values));
  const isBox = sizes.reduce((product, { size }) => product * size, 1) === blocks.length;
  if (!isBox) return `, ${blocks.length} blocks`;
  return ` blocks (${sizes.map((values) => formatRanges([...values])).join(',')})`;
}

function wordsOf(edges: readonly ExplanationEdge[]): ExplanationWord[] {
  const found = new Map<string, ExplanationWord>();
  for (const { word } of edges) if (word !== null) found.set(JSON.stringify(word), word);
  return [...found.values()];
}

/** `flag of link 0 -> 1, channels 0-3, slot 1, packet 0: wants 2, holds 1`. */
export function formatWord({ name, of, index, wants, holds }: ExplanationWord): string {
  const parts = [
    of.length === 0 ? name : `${name} of ${of.length > 3 ? `${of.length} links, as ${of[0]}` : of.join(', ')}`,
  ];
  for (const [what, values] of index) parts.push(`${what}${values.length === 1 ? '' : 's'} ${formatRanges(values)}`);
  return `${parts.join(', ')}: ${wants.length === 0 ? '' : `${some(wants, 3)}, `}holds ${some(holds, 3)}`;
}

const some = (texts: readonly string[], most: number): string =>
  texts.length <= most ? texts.join(' or ') : `${texts.slice(0, most).join(' or ')} or others`;

/** A line that is broken at spaces; what follows stands further in. */
function wrapLine(line: string, width: number): string[] {
  if (line.length <= width) return [line];
  const indentation = ' '.repeat(line.length - line.trimStart().length);
  const lines: string[] = [];
  let current = '';
  for (const word of line.trim().split(' ')) {
    if (current === '') current = indentation + word;
    else if (current.length + 1 + word.length <= width) current += ` ${word}`;
    else {
      lines.push(current);
      current = `${indentation}  ${word}`;
    }
  }
  return [...lines, current];
}

/** What is said where there is nothing to explain. */
const NOBODY_WAITS = 'nobody waits: no thread is left';

/** The wait-for graph for Graphviz; labels begin with the numbers that the text has. */
export function formatDot(
  { rootCause, hasHung, nodes, edges }: Explanation,
  { beside }: Pick<FormatOptions, 'beside'> = {},
): string {
  const lines = [
    'digraph hang {',
    '  rankdir=LR;',
    '  node [shape=box, fontname="monospace"];',
    '  edge [fontname="monospace"];',
  ];
  if (rootCause !== null) {
    lines.push(`  label=${quoted(`${titleOf(hasHung, rootCause)}\n${rootCause.sentence}`)};`, '  labelloc=t;');
  }
  if (nodes.length === 0) lines.push(`  none [label=${quoted(NOBODY_WAITS)}, style=dashed];`);
  for (const node of nodes) {
    const style = node.kind === 'threads' ? '' : ', style=dashed';
    const frame = node.frames[0];
    const place = frame === undefined ? [] : [`at ${frame.file}:${frame.line}${beside?.(frame) ?? ''}`];
    const does = node.kind === 'nobody' ? [] : [node.does];
    const label = [`[${node.id}] ${describeNode(node)}`, ...does, ...node.details, ...place].join('\n');
    lines.push(`  ${dotName(node.id)} [label=${quoted(label)}${style}];`);
  }
  for (const { from, to, word, why, isNeeded } of edges) {
    const label = word === null ? why : formatWord(word);
    lines.push(`  ${dotName(from)} -> ${dotName(to)} [label=${quoted(label)}${isNeeded ? '' : ', style=dashed'}];`);
  }
  return [...lines, '}', ''].join('\n');
}

/** A node's name in a DOT file; it is not drawn. */
const dotName = (id: number): string => `n${id - 1}`;

/** A string of the DOT language. */
const quoted = (text: string): string =>
  `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\r?\n/g, '\\n')}"`;
