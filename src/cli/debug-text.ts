import {
  type Breakpoint,
  type DebugSession,
  DIM_NAMES,
  describeOutcome,
  type Expression,
  type ExpressionValue,
  type Focus,
  formatLanes,
  formatRanges,
  formatSymbol,
  type InspectedValue,
  type Machine,
  type SourceFrame,
  type StopAt,
  type ThreadInfo,
  type ThreadsAt,
  type Wait,
} from '../index.js';
import { counted, formatHex } from './format.js';
import { originalLine } from './original-line.js';

/** Numbers from here on are shown as addresses if something is allocated there. */
const FIRST_ADDRESS = 0x7f0000000000n;

export const formatDim3 = ({ x, y, z }: { readonly x: number; readonly y: number; readonly z: number }): string =>
  `(${x},${y},${z})`;

export const formatFocus = ({ rank, blockIdx, threadRank }: Focus): string =>
  `rank ${rank} block ${formatDim3(blockIdx)} warp ${threadRank >>> 5} lane ${threadRank & 31}`;

/** What an address is, in words; null: nothing is allocated there. `tail of link 0 -> 1, channel 0`. */
export function describeAddress(machine: Machine, address: number): string | null {
  const allocation = machine.memory.space.find(address);
  if (allocation === null) return null;
  const offset = address - allocation.base;
  const symbol = allocation.symbols?.describe(offset) ?? null;
  return symbol === null ? `'${allocation.name}' + ${offset}` : formatSymbol(symbol);
}

/** Whether an expression is `blockIdx` or its like, whose parts have values. */
export const isTriple = (expression: Expression): expression is Extract<Expression, { kind: 'name' }> =>
  expression.kind === 'name' && DIM_NAMES.some((name) => name === expression.name);

/** The value of an expression for the thread in focus; `blockIdx` and its like as `(0,0,1)`. @throws EvaluationError */
export function expressionText(session: DebugSession, expression: Expression): string {
  if (!isTriple(expression)) return formatValue(session.machine, session.evaluate(expression));
  const { name } = expression;
  const parts = ['x', 'y', 'z'].map((axis) => session.evaluate({ kind: 'name', name: `${name}.${axis}` }));
  return `(${parts.join(',')})`;
}

/** A value; an address with what is there. */
export function formatValue(machine: Machine, value: ExpressionValue | null): string {
  if (value === null) return 'no value';
  if (typeof value !== 'bigint' || value < FIRST_ADDRESS || value > BigInt(Number.MAX_SAFE_INTEGER)) return `${value}`;
  const what = describeAddress(machine, Number(value));
  return what === null ? `${value}` : `${formatHex(value)}  (${what})`;
}

/** A variable's value. Bytes of registers that were never defined are `??`. */
export function formatVariable(machine: Machine, type: string, value: InspectedValue): string {
  if (typeof value !== 'object') {
    if (type === 'ptr') return value === 0 ? 'null' : formatAddress(machine, Number(value));
    return String(value);
  }
  return `[${value.map(({ value: element, defined }) => (defined === 0 ? '??' : formatHex(BigInt.asUintN(64, BigInt(element))))).join(', ')}]`;
}

export function formatAddress(machine: Machine, address: number): string {
  if (address < 2 ** 32) return `${formatHex(address)}  (shared memory)`;
  const what = describeAddress(machine, address);
  return what === null ? formatHex(address) : `${formatHex(address)}  (${what})`;
}

/** `init at src/kernels/x.ts:142 (trtllm_alltoall.cuh:328)`. */
export function formatFrame({ functionName, file, line }: SourceFrame): string {
  const original = originalLine(file, line);
  return `${functionName} at ${file}:${line}${original === null ? '' : ` (${original})`}`;
}

/** An operation, with what it is about where it accesses memory that has a name. */
export function formatOperation(machine: Machine, operation: string): string {
  if (operation === '') return 'not begun';
  const address = /\[(0x[0-9a-f]+)\]$/.exec(operation)?.[1];
  const what = address === undefined ? null : describeAddress(machine, Number(address));
  return what === null ? operation : `${operation}  ${what}`;
}

/** The thread in focus: who it is, what it does. */
export function formatThread(session: DebugSession, thread: ThreadInfo | null): string {
  const who = formatFocus(session.focus);
  if (thread === null) return `${who}: ${absence(session)}`;
  const of = `${who} ${formatDim3(thread.threadIdx)}`;
  if (thread.state === 'exited') return `${of}: has exited`;
  return `${of}: ${formatOperation(session.machine, thread.operation)}${thread.state === 'ready' ? '' : `, ${thread.state}`}`;
}

/** Why the block in focus is not resident. */
function absence({ focus, timeline }: DebugSession): string {
  const launches = [...timeline.engine.launchNumbers.keys()].filter(
    ({ device, name }) => device === focus.rank && name === focus.kernel,
  );
  const isOver = launches.every(({ startedBlocks, blockCount }) => startedBlocks === blockCount);
  return isOver ? 'its block has ended' : 'its block is not resident';
}

/** What a breakpoint stops at. */
export function formatStopAt(machine: Machine, at: StopAt, text: string): string {
  switch (at.kind) {
    case 'line':
      return at.places.map(({ file, line }) => `${file}:${line}${bracketed(originalLine(file, line))}`).join(', ');
    case 'function':
      return `function ${at.name}`;
    case 'operation':
      return `operation ${at.name}`;
    case 'memory':
      return `${at.access} of ${at.bytes} bytes at ${formatAddress(machine, at.address)}`;
    case 'value':
      return `value of ${text}${at.thread === undefined ? '' : ` for ${formatFocus(at.thread)}`}`;
    default:
      return at satisfies never;
  }
}

function bracketed(text: string | null): string {
  return text === null ? '' : ` (${text})`;
}

export const isWatch = ({ at }: Breakpoint): boolean => at.kind === 'memory' || at.kind === 'value';

/** A line a group: who it is, in ranges, and where. */
export function formatThreadsAt(group: ThreadsAt): string[] {
  const { rank, state, operation, frames, threads, blocks } = group;
  const [frame] = frames;
  const where =
    frame === undefined ? '' : ` at ${frame.file}:${frame.line}${bracketed(originalLine(frame.file, frame.line))}`;
  const what = operation === 'none' ? 'not begun' : operation;
  // Blocks with the same warps and lanes are told together.
  const alike = new Map<string, string[]>();
  for (const { blockIdx, warps } of blocks) {
    const all = warps.every(({ lanes }) => lanes === warps[0]!.lanes);
    const lanes = (mask: number) =>
      mask === -1 ? '' : ` ${(mask & (mask - 1)) === 0 ? 'lane' : 'lanes'} ${formatLanes(mask)}`;
    const key = all
      ? `${warps.length === 1 ? 'warp' : 'warps'} ${formatRanges(warps.map(({ warp }) => warp))}${lanes(warps[0]!.lanes)}`
      : warps.map(({ warp, lanes: mask }) => `warp ${warp}${lanes(mask)}`).join('; ');
    const known = alike.get(key);
    if (known === undefined) alike.set(key, [formatDim3(blockIdx)]);
    else known.push(formatDim3(blockIdx));
  }
  const does = state === 'ready' || threads === 1 ? state : state.replace('waits', 'wait').replace('its', 'their');
  const lines = [`rank ${rank}: ${counted(threads, 'thread')} ${does}, ${what}${where}`];
  for (const [warps, names] of alike) lines.push(`  ${formatBlocks(names)} ${warps}`);
  return lines;
}

const MOST_BLOCKS = 4;

function formatBlocks(names: readonly string[]): string {
  if (names.length === 1) return `block ${names[0]}`;
  if (names.length <= MOST_BLOCKS) return `blocks ${names.join(' ')}`;
  return `${names.length} blocks ${names[0]} to ${names.at(-1)}`;
}

/** Who is waited for. */
export function formatWait(wait: Wait): string {
  if (wait.kind === 'warp')
    return `it waits in ${wait.operation} for lanes ${formatLanes(wait.missingLanes)} of its warp`;
  const { id, arrived, expected, missingWarps } = wait;
  const missing =
    missingWarps.length === 0
      ? ''
      : `; missing: ${missingWarps.length === 1 ? 'warp' : 'warps'} ${formatRanges(missingWarps)}`;
  return `it waits at barrier ${id}: ${arrived} of ${expected} threads have arrived${missing}`;
}

/** How the run ended, with the original's lines beside those of the ports. */
export function formatEnd(session: DebugSession): string[] {
  const { outcome, machine } = session;
  if (outcome === null) return [];
  if (outcome.verdict === 'deadlock' || outcome.verdict === 'livelock') {
    const waiting = outcome.waiting.map((group) => ({ ...group, reason: reasonForEver(group.reason) }));
    return describeOutcome({ ...outcome, waiting }, machine.limits)
      .split('\n')
      .map(withOriginals);
  }
  return describeOutcome(outcome, machine.limits).split('\n').map(withOriginals);
}

/** Whoever can step in a run that never ends polls, or goes round. */
const reasonForEver = (reason: string): string =>
  reason
    .replace(/^runs; its last operation was (?=(?:ld|atom)\.)/, 'polls with ')
    .replace(/^runs; its/, 'goes round for ever; its');

/** Narrower terminals are left to wrap by themselves. */
const LEAST_WIDTH = 40;

/** A line in lines of at most `width` characters, broken at spaces; those behind the first begin with `hang` spaces. */
export function wrapped(line: string, width: number | null, hang?: number): string[] {
  if (width === null || width < LEAST_WIDTH || line.length <= width) return [line];
  const indentation = ' '.repeat(Math.min(hang ?? line.length - line.trimStart().length + 2, width >> 1));
  const lines: string[] = [];
  let current: string | null = null;
  for (const word of line.split(' ')) {
    if (current === null) current = word;
    else if (word === '' && lines.length > 0 && current.trim() === '') continue;
    else if (current.length + 1 + word.length <= width || current.trim() === '') current += ` ${word}`;
    else {
      lines.push(current.trimEnd());
      // Without the space that comes before the word.
      current = indentation.slice(1);
      if (word !== '') current += ` ${word}`;
    }
  }
  return [...lines, current ?? ''];
}

/** A line with the original's lines behind those of the ports. */
export const withOriginals = (text: string): string =>
  text.replace(
    /\bsrc\/[\w./-]+\.ts:(\d+)/g,
    (position, number: string) =>
      position + bracketed(originalLine(position.slice(0, -number.length - 1), Number(number))),
  );
