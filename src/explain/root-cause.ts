import { type Diagnosis, formatRanges, type HangCause, type WaitedWord } from '../simt/index.js';
import type { Standing } from './build-graph.js';
import type { RootCause } from './explanation.js';
import { componentsOf, type PolledWord, type WaitEdge, type WaitNode } from './graph.js';
import { describeBlock, formatDim3, lanesName } from './names.js';

/** Which of several causes is told first: those that explain more, and those that are surer. */
const ORDER: readonly HangCause[] = [
  'vector too large',
  'not launched',
  'launch order',
  'not resident',
  'workspace not clean',
  'counts disagree',
  'barrier misuse',
  'missing writer',
  'cycle',
];

/** Most members of a cycle that its sentence names. */
const MOST_NAMED = 4;
/** Most causes that are told. */
const MOST_CAUSES = 100;

/** Everything that would hang the run by itself, the root cause first; empty: nothing does. */
export function rootCausesOf(graph: Standing): RootCause[] {
  const diagnoses = diagnosesOf(graph);
  const found: RootCause[] = [...diagnoses, ...new Analysis(graph).causes()].filter(
    // What a protocol knows says more than that nobody writes a word.
    ({ cause }) => diagnoses.length === 0 || (cause !== 'missing writer' && cause !== 'cycle'),
  );
  const distinct = new Map([...diagnoses, ...found].map((cause) => [cause.sentence, cause]));
  return [...distinct.values()].sort((a, b) => ORDER.indexOf(a.cause) - ORDER.indexOf(b.cause));
}

function diagnosesOf({ nodes, edges, protocols }: Standing): Diagnosis[] {
  const waits = new Map<number, WaitedWord>();
  for (const { from, word } of edges) {
    if (word !== null && !word.isShared) waits.set(word.address, { address: word.address, rank: nodes[from]!.rank });
  }
  if (!nodes.some(({ kind }) => kind === 'threads')) return [];
  return protocols.flatMap((protocol) => protocol.diagnose([...waits.values()]));
}

class Analysis {
  readonly #nodes: readonly WaitNode[];
  readonly #edges: readonly WaitEdge[];
  readonly #out: WaitEdge[][];

  constructor({ nodes, edges }: Standing) {
    this.#nodes = nodes;
    this.#edges = edges;
    this.#out = nodes.map(() => []);
    for (const edge of edges) this.#out[edge.from]!.push(edge);
  }

  causes(): RootCause[] {
    const found: RootCause[] = [];
    const never = this.#nodes.filter(({ kind }) => kind === 'never launched');
    if (never.length > 0) found.push(this.#notLaunched(never));
    for (const { fault } of this.#nodes) if (fault !== null) found.push({ ...fault, subject: {} });
    const inCycle = new Set<number>();
    const needed = { nodes: this.#nodes, edges: this.#edges.filter(({ isNeeded }) => isNeeded) };
    for (const component of componentsOf(needed)) {
      if (component.length === 1 && !this.#hasLoop(component[0]!, needed.edges)) continue;
      for (const id of component) inCycle.add(id);
      if (found.length < MOST_CAUSES) found.push(this.#cycle(component, true));
    }
    for (const component of componentsOf({ nodes: this.#nodes, edges: this.#edges })) {
      const members = new Set(component);
      const isSink = component.every((id) => this.#out[id]!.every(({ to }) => members.has(to)));
      if (!isSink || component.some((id) => inCycle.has(id) || this.#nodes[id]!.goesOn)) continue;
      if (found.length >= MOST_CAUSES) break;
      const only = this.#nodes[component[0]!]!;
      if (component.length > 1 || this.#hasLoop(only.id, this.#edges)) found.push(this.#cycle(component, false));
      else if (only.kind === 'returned' || only.kind === 'nobody') {
        const wait = this.#edges.find(({ to }) => to === only.id);
        if (wait !== undefined) found.push(this.#missingWriter(only, wait));
      }
    }
    return found;
  }

  #hasLoop(id: number, edges: readonly WaitEdge[]): boolean {
    return edges === this.#edges
      ? this.#out[id]!.some(({ to }) => to === id)
      : this.#out[id]!.some(({ to, isNeeded }) => to === id && isNeeded);
  }

  #notLaunched(never: readonly WaitNode[]): RootCause {
    const ranks = [...new Set(never.map(({ rank }) => rank))].sort((a, b) => a - b);
    const ids = new Set(never.map(({ id }) => id));
    const waits = this.#edges.filter(({ to }) => ids.has(to));
    const waiting = [...new Set(waits.map(({ from }) => this.#nodes[from]!.rank))].sort((a, b) => a - b);
    const word = waits[0]?.word;
    const [is, it] = ranks.length === 1 ? ['was', 'it'] : ['were', 'them'];
    return {
      cause: 'not launched',
      sentence: `${ranksText(ranks)} ${is} never launched, and ${ranksText(waiting)} ${waiting.length === 1 ? 'waits' : 'wait'} for ${it}${word == null ? '' : `: ${wordText(word)}`}`,
      advice: `launch ${never[0]!.kernel} on every rank`,
      subject: { ranks: ranks.join(), waiting: waiting.join(), ...(ranks.length === 1 ? { rank: ranks[0]! } : {}) },
    };
  }

  #missingWriter(node: WaitNode, wait: WaitEdge): RootCause {
    const from = this.#nodes[wait.from]!;
    const who = describe(from);
    const { word } = wait;
    const reason = this.#whyUnwritten(node, wait.isNeeded);
    return {
      cause: 'missing writer',
      sentence:
        word === null
          ? `${who}${afterName(from)} ${from.does} ${from.detail}`
          : `${who}${afterName(from)} waits for ${wordText(word)}, and ${reason}`,
      advice:
        word === null
          ? 'let the loop end by something that changes as it goes round, or by a word that somebody else writes'
          : 'let somebody write that word whichever way the kernel goes, or let nobody wait for it',
      subject: { waits: who, ...(word === null ? {} : { word: word.name, holds: word.holds }) },
    };
  }

  #whyUnwritten(node: WaitNode, isNeeded: boolean): string {
    const { kind, isPart, detail, does } = node;
    if (kind === 'nobody') return detail;
    if (isPart) {
      const who = `the ${detail} of ${describe(node)} that ${does}`;
      return isNeeded ? `nobody but ${who} could write it` : `some of ${who} could write it`;
    }
    const why = detail === '' ? '' : `: ${detail}`;
    return `${describe(node)}${afterName(node)} ${isNeeded ? 'alone could' : 'could'} write it and ${does}${why}`;
  }

  #cycle(component: readonly number[], isNeeded: boolean): RootCause {
    const members = new Set(component);
    const inside = component.flatMap((id) =>
      this.#out[id]!.filter(({ to, isNeeded: needs }) => members.has(to) && (needs || !isNeeded)),
    );
    const queued = inside.find(({ kind }) => kind === 'launch order');
    const residency = inside.find(({ kind }) => kind === 'residency');
    if (residency !== undefined) return this.#notResident(inside, residency);
    if (queued !== undefined) return this.#launchOrder(inside, queued);
    const addresses = new Set(inside.map(({ word }) => word?.address));
    if (addresses.size === 1 && !addresses.has(undefined)) return this.#onlyEachOther(component, inside);
    const path = this.#pathRound(inside);
    const text = path.slice(0, MOST_NAMED).map((edge) => this.#waitText(edge));
    const more = path.length > MOST_NAMED ? [`and so on, ${path.length} in all`] : [];
    const isInBlock = inside.every(({ kind }) => kind === 'barrier' || kind === 'warp');
    return isInBlock
      ? {
          cause: 'barrier misuse',
          sentence: `threads of ${describeBlock(this.#nodes[component[0]!]!)} wait for each other at different places: ${[...text, ...more].join('; ')}`,
          advice:
            'let all threads that wait for each other come to the same barriers and warp operations in the same order',
          subject: {},
        }
      : {
          cause: 'cycle',
          sentence: `${path.length} groups of threads wait for each other: ${[...text, ...more].join('; ')}`,
          advice: 'let one of them write before it waits',
          subject: { length: path.length },
        };
  }

  #onlyEachOther(component: readonly number[], inside: readonly WaitEdge[]): RootCause {
    const word = inside[0]!.word!;
    const first = this.#nodes[component.reduce((a, b) => Math.min(a, b))]!;
    return {
      cause: 'missing writer',
      sentence: `${component.length} groups of threads, the first of them ${describe(first)}, wait for ${wordText(word)}, and only they could still write it`,
      advice: 'find who should have written that word: it has returned, or was never to write it',
      subject: { word: word.name, holds: word.holds },
    };
  }

  #launchOrder(inside: readonly WaitEdge[], queued: WaitEdge): RootCause {
    const [behind, ahead] = [this.#nodes[queued.from]!, this.#nodes[queued.to]!];
    const wait = this.#lowest(inside.filter(({ to }) => to === behind.id));
    const what = wait === null ? '' : `, which waits for it: ${this.#pollText(wait)}`;
    return {
      cause: 'launch order',
      sentence: `${behind.kernel} of rank ${behind.rank} is queued on the same stream behind ${ahead.kernel} of rank ${ahead.rank}${what}`,
      advice: 'give every rank a stream of its own, so that all of them run at the same time',
      subject: { queued: behind.rank, behind: ahead.rank },
    };
  }

  #notResident(inside: readonly WaitEdge[], residency: WaitEdge): RootCause {
    const absent = this.#nodes[residency.from]!;
    const what = this.#whatHoldsRoom(inside, absent);
    return {
      cause: 'not resident',
      sentence: `${absent.detail} (${absent.kernel} of rank ${absent.rank})${what}`,
      advice:
        'make room for all blocks of the launches that wait for each other (schedule option resident=N), or launch fewer',
      subject: { rank: absent.rank, kernel: absent.kernel },
    };
  }

  /** Who takes up the room that blocks wait for, and what it waits for itself. */
  #whatHoldsRoom(inside: readonly WaitEdge[], absent: WaitNode): string {
    const holders = new Set(
      inside.flatMap(({ from, to, kind }) => (kind === 'residency' && from === absent.id ? [to] : [])),
    );
    const waits = inside.filter(({ from, word }) => holders.has(from) && word !== null);
    const direct = this.#lowest(waits.filter(({ to }) => to === absent.id));
    if (direct !== null) return `, and those that take up the room wait for them: ${this.#pollText(direct)}`;
    // In a component everybody waits, in the end, for everybody.
    const wait = this.#lowest(waits) ?? inside.find(({ from }) => holders.has(from));
    if (wait === undefined) return '';
    const [holder, other] = [this.#nodes[wait.from]!, this.#nodes[wait.to]!];
    const how = `${describe(holder)}, which ${wait.word === null ? waitsText(holder) : `${holder.does} ${wordText(wait.word)}`}`;
    return `; that room is taken up by ${how}; that needs ${describe(other)}, and in the end the same room`;
  }

  /** Of waits for words of the group of threads that comes first, the one with the lowest address; null: there is none. */
  #lowest(waits: readonly WaitEdge[]): (WaitEdge & { readonly word: PolledWord }) | null {
    let lowest: (WaitEdge & { readonly word: PolledWord }) | null = null;
    for (const wait of waits) {
      const { word, from } = wait;
      if (word === null) continue;
      if (lowest === null) lowest = { ...wait, word };
      else if (
        word.address < lowest.word.address &&
        describe(this.#nodes[from]!) === describe(this.#nodes[lowest.from]!)
      )
        lowest = { ...wait, word };
    }
    return lowest;
  }

  #pollText({ from, word }: WaitEdge & { readonly word: PolledWord }): string {
    const node = this.#nodes[from]!;
    return `${describe(node)}${afterName(node)} ${node.does} ${wordText(word)}`;
  }

  /** A shortest way round a component. */
  #pathRound(inside: readonly WaitEdge[]): WaitEdge[] {
    const out = new Map<number, WaitEdge[]>();
    let start = Number.POSITIVE_INFINITY;
    for (const edge of inside) {
      const known = out.get(edge.from);
      if (known === undefined) out.set(edge.from, [edge]);
      else known.push(edge);
      start = Math.min(start, edge.from);
    }
    const cameBy = new Map<number, WaitEdge>();
    let front = [start];
    while (front.length > 0) {
      const next: number[] = [];
      for (const node of front) {
        for (const edge of out.get(node) ?? []) {
          if (edge.to === start) {
            const path = [edge];
            for (let at = edge.from; at !== start; at = path[0]!.from) path.unshift(cameBy.get(at)!);
            return path;
          }
          if (cameBy.has(edge.to)) continue;
          cameBy.set(edge.to, edge);
          next.push(edge.to);
        }
      }
      front = next;
    }
    return [];
  }

  #waitText({ from, to, word }: WaitEdge): string {
    const [node, other] = [this.#nodes[from]!, this.#nodes[to]!];
    const what = word === null ? waitsText(node) : `${node.does} ${wordText(word)}`;
    return `${describe(node)}${afterName(node)} ${what}, which needs ${describe(other)}`;
  }
}

const ranksText = (ranks: readonly number[]): string =>
  `${ranks.length === 1 ? 'rank' : 'ranks'} ${formatRanges(ranks)}`;

/** `flag of link 0 -> 1, channel 0, slot 1, packet 0 (wants 2, holds 0)`. */
const wordText = ({ name, wants, holds }: { name: string; wants: string | null; holds: string }): string =>
  `${name} (${wants === null ? '' : `${wants}, `}holds ${holds})`;

const waitsText = ({ does, detail }: WaitNode): string => (detail === '' ? does : `${does} (${detail})`);

/** What ends the name of a group that stands between commas. */
const afterName = ({ kind, group }: WaitNode): string => (kind === 'nobody' || group === null ? '' : ',');

/** `rank 1 block (0,0,1) warp 0`, or with the name of the group. */
function describe({ rank, blockIdx, group, warp, lanes, kind }: WaitNode): string {
  const place = blockIdx === null ? '' : ` block ${formatDim3(blockIdx)}`;
  if (kind === 'nobody') return 'nobody';
  if (kind === 'not resident' && blockIdx === null) return `blocks of rank ${rank} that are not resident`;
  if (group !== null) return `rank ${rank}${place}, ${group.name}`;
  const isWhole = lanes === -1 || lanes === 0;
  return `rank ${rank}${place}${warp === -1 ? '' : ` warp ${warp}${isWhole ? '' : ` ${lanesName(lanes)}`}`}`;
}
