import { type DebugSession, type Focus, laneOf, type ThreadsAt, warpOf } from '../debug/index.js';
import { type Explanation, formatWord } from '../explain/index.js';
import type { Dim3, SourceFrame } from '../simt/index.js';
import type { Words } from './host.js';

/** The client's thread of whoever is in focus. */
export const FOCUS_THREAD = 1;
/** The client's thread that says how many others there are. */
const REST_THREAD = 2;
const FIRST_GROUP = 3;
/** Most groups that a client is told of. */
export const MOST_GROUPS = 200;
const MOST_NAME = 160;

/** A thread as the client sees it: GPU threads that stand at the same place. */
export interface ClientThread {
  readonly id: number;
  readonly name: string;
  /** The first of its threads; null for {@link REST_THREAD}, and where the focus has gone with its block. */
  readonly focus: Focus | null;
}

/** Some threads of a rank and kernel at the same place: those of a block, or of all its blocks. */
interface Group {
  readonly at: ThreadsAt;
  readonly blocks: ThreadsAt['blocks'];
  readonly threads: number;
}

/**
 * Groups threads so that a client can show them: the thread in focus first, then threads that stand at the same place,
 * by block as long as there are at most {@link MOST_GROUPS} of that, else by rank; then how many more there are. A group
 * keeps its number as long as its place has one.
 */
export class ClientThreads {
  readonly #session: DebugSession;
  readonly #words: Words;
  readonly #ids = new Map<string, number>();
  #threads: readonly ClientThread[] = [];
  #isOld = true;
  #explanation: Explanation | null = null;

  constructor(session: DebugSession, words: Words) {
    this.#session = session;
    this.#words = words;
  }

  /** Another thread is in focus. */
  refocus(): void {
    this.#isOld = true;
  }

  /** The position has changed. */
  forget(): void {
    this.#isOld = true;
    this.#explanation = null;
  }

  /** Why the run hangs, until the position changes: then threads are said to wait for what they wait for. */
  explain(explanation: Explanation | null): void {
    this.#isOld = true;
    this.#explanation = explanation;
  }

  get all(): readonly ClientThread[] {
    if (this.#isOld) this.#threads = this.#find();
    this.#isOld = false;
    return this.#threads;
  }

  /** Those of the last stop at which somebody asked. */
  get last(): readonly ClientThread[] {
    return this.#threads;
  }

  /** Undefined: there is none of that number. */
  get(id: number): ClientThread | undefined {
    return this.all.find((thread) => thread.id === id);
  }

  #find(): ClientThread[] {
    const { focus } = this.#session;
    const found: ClientThread[] = [{ id: FOCUS_THREAD, name: this.#focusName(), focus }];
    const groups = groupsOf(this.#session);
    for (const group of groups.slice(0, MOST_GROUPS)) {
      found.push({ id: this.#idOf(group), name: this.#nameOf(group), focus: firstOf(group) });
    }
    const rest = groups.slice(MOST_GROUPS);
    if (rest.length > 0) {
      const threads = rest.reduce((sum, group) => sum + group.threads, 0);
      const name = `… ${rest.length} more groups of ${threads} threads: 'info threads' in the debug console`;
      found.push({ id: REST_THREAD, name, focus: null });
    }
    return found;
  }

  #focusName(): string {
    const { thread, focus } = this.#session;
    const who = `${this.#words.focus(focus)} (in focus)`;
    if (thread === null) return `${who}: its block is not resident`;
    return cut(`${who}: ${thread.state === 'exited' ? 'has exited' : this.#does(focus, thread.state)}`);
  }

  #nameOf(group: Group): string {
    const { at, blocks, threads } = group;
    const where = blocks.length === 1 ? `block ${dimText(blocks[0]!.blockIdx)}` : blocksText(blocks);
    const warps = [...new Set(blocks.flatMap((block) => block.warps.map(({ warp }) => warp)))].sort((a, b) => a - b);
    const masks = new Set(blocks.flatMap((block) => block.warps.map(({ lanes }) => lanes)));
    const [mask] = masks;
    const lanes =
      masks.size > 1 ? '' : ` ${(mask! & (mask! - 1)) === 0 ? 'lane' : 'lanes'} ${this.#words.lanes(mask!)}`;
    const who = `rank ${at.rank} ${where} ${warps.length === 1 ? 'warp' : 'warps'} ${this.#words.ranges(warps)}${lanes}`;
    const count = blocks.length === 1 && warps.length === 1 && masks.size === 1 ? '' : ` (${threads} threads)`;
    return cut(`${who}${count}: ${this.#does(firstOf(group), at.state)}`);
  }

  /** What a thread does, for itself and those that are at the same place. */
  #does(focus: Focus, state: string): string {
    const { machine } = this.#session;
    const thread = this.#session.threadOf(focus);
    const waits = this.#explanation === null ? null : waitsFor(this.#explanation, focus, thread?.frames[0]);
    if (waits !== null) return waits;
    const operation = this.#words.operation(machine, thread?.operation ?? '');
    return state === 'ready' ? operation : `${state}, ${operation}`;
  }

  #idOf({ at, blocks }: Group): number {
    const { rank, kernel, state, operation, frames } = at;
    const places = frames.map(({ file, line, column }) => `${file}:${line}:${column}`);
    const block = blocks.length === 1 ? dimText(blocks[0]!.blockIdx) : 'all';
    const key = [rank, kernel, block, state, operation, ...places].join(' ');
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = FIRST_GROUP + this.#ids.size;
      this.#ids.set(key, id);
    }
    return id;
  }
}

/** `polls flag of link 0 -> 1, channel 0, slot 1, packet 0: wants 2, holds 1`; null: it is not known. */
function waitsFor({ nodes, edges }: Explanation, focus: Focus, frame: SourceFrame | undefined): string | null {
  const node = nodes.find(
    ({ kind, ranks, kernel, blocks, warps, frames: [first] }) =>
      kind === 'threads' &&
      kernel === focus.kernel &&
      ranks.includes(focus.rank) &&
      blocks.includes(dimText(focus.blockIdx)) &&
      warps.includes(warpOf(focus)) &&
      first?.file === frame?.file &&
      first?.line === frame?.line,
  );
  if (node === undefined) return null;
  const word = edges.find((edge) => edge.from === node.id && edge.word !== null)?.word ?? null;
  if (word !== null) return `${node.does} ${formatWord(word)}`;
  return node.details.length === 0 ? node.does : `${node.does}: ${node.details[0]}`;
}

function groupsOf(session: DebugSession): Group[] {
  const merged = session.threadsAt();
  const count = merged.reduce((sum, { blocks }) => sum + blocks.length, 0);
  if (count > MOST_GROUPS) return merged.map((at) => ({ at, blocks: at.blocks, threads: at.threads }));
  return merged.flatMap((at) =>
    at.blocks.map((block) => ({
      at,
      blocks: [block],
      threads: block.warps.reduce((sum, { lanes }) => sum + bitCount(lanes), 0),
    })),
  );
}

function firstOf({ at, blocks }: Group): Focus {
  const { blockIdx, warps } = blocks[0]!;
  const { warp, lanes } = warps[0]!;
  const lane = 31 - Math.clz32(lanes & -lanes);
  return { rank: at.rank, kernel: at.kernel, blockIdx, threadRank: warp * 32 + lane };
}

export const isSameThread = (a: Focus, b: Focus): boolean =>
  a.rank === b.rank &&
  a.kernel === b.kernel &&
  dimText(a.blockIdx) === dimText(b.blockIdx) &&
  warpOf(a) === warpOf(b) &&
  laneOf(a) === laneOf(b);

const dimText = ({ x, y, z }: Dim3): string => `(${x},${y},${z})`;

const blocksText = (blocks: ThreadsAt['blocks']): string =>
  `${blocks.length} blocks ${dimText(blocks[0]!.blockIdx)} to ${dimText(blocks.at(-1)!.blockIdx)}`;

const cut = (text: string): string => (text.length <= MOST_NAME ? text : `${text.slice(0, MOST_NAME - 1)}…`);

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}
