import { framesOf } from '../program/index.js';
import { formatSymbol, scalarBytes } from '../simt/index.js';
import type { AbsentNodes } from './absent-nodes.js';
import type { DeclaredWriters } from './declared-writers.js';
import type { PolledWord, WaitNode, WordWriter } from './graph.js';
import type { GrowingGraph } from './growing-graph.js';
import type { RoundCourse } from './lane-course.js';
import type { PossibleWriters } from './possible-writers.js';
import type { ResidentBlocks } from './resident-blocks.js';
import { keyOfLoad, type Load } from './values.js';
import { type Wanted, wantedBy } from './wanted.js';

/** Most words of a set of lanes that are told. */
const MOST_WORDS = 4;

/** What sets of lanes wait for that go round loops: words of memory, and who writes those. */
export class Polls {
  readonly #graph: GrowingGraph;
  readonly #residents: ResidentBlocks;
  readonly #absent: AbsentNodes;
  readonly #declared: DeclaredWriters;
  readonly #possible: PossibleWriters;

  constructor(
    graph: GrowingGraph,
    residents: ResidentBlocks,
    absent: AbsentNodes,
    declared: DeclaredWriters,
    possible: PossibleWriters,
  ) {
    this.#graph = graph;
    this.#residents = residents;
    this.#absent = absent;
    this.#declared = declared;
    this.#possible = possible;
  }

  /** Says what a set polls, and links it with who writes that. */
  add(node: WaitNode, { exits, loads }: RoundCourse): void {
    const wanted = wantedBy(exits);
    const words = distinct(wanted.length > 0 ? wanted : loads.map((load) => ({ load, wants: null, site: load.site })));
    if (words.length === 0) {
      node.does = 'goes round a loop';
      node.detail = 'that nothing in memory decides';
      const nobody = this.#absent.nobody('nothing in memory that it reads ends its loop');
      this.#graph.link(node, nobody, 'memory', { why: 'nobody ends its loop' });
      return;
    }
    node.does = words.some(({ load }) => load.isPolled) ? 'polls' : 'goes round a loop and reads';
    const told = words.slice(0, MOST_WORDS);
    node.detail = words.length > told.length ? `and ${words.length - told.length} more words` : '';
    node.frames = framesOf(this.#residents.ofSet(node).block.program, words[0]!.load.site);
    for (const wantedWord of told) {
      const word = polledWord(wantedWord);
      for (const { node: writer, does, isNeeded } of this.#writersOf(node, wantedWord.load, word)) {
        const why = writer.kind === 'nobody' ? 'nobody can write it' : does;
        this.#graph.link(node, writer, 'memory', { word, why, isNeeded });
      }
    }
  }

  #writersOf(node: WaitNode, load: Load, { name }: PolledWord): WordWriter[] {
    const declared = load.allocation.symbols?.writersOf?.(load.offset) ?? null;
    return declared === null ? this.#possible.of(node, load) : this.#declared.of(node, declared, name);
  }
}

function polledWord({ load, wants }: Wanted): PolledWord {
  const { allocation, offset, isShared } = load;
  const symbol = allocation.symbols?.describe(offset) ?? null;
  const place = isShared ? `shared '${allocation.name}'` : `'${allocation.name}'`;
  const bytes = scalarBytes(load.type);
  const name = symbol === null ? `${load.type} ${Math.floor(offset / bytes)} of ${place}` : formatSymbol(symbol);
  return { address: allocation.base + offset, isShared, symbol, name, wants, holds: String(load.value) };
}

/** Words of memory, each once; those of one symbol, as far as it is told, too. */
function distinct(words: readonly Wanted[]): Wanted[] {
  const found = new Map<string, Wanted>();
  for (const word of words) {
    const { allocation, offset } = word.load;
    const symbol = allocation.symbols?.describe(offset) ?? null;
    const key = symbol === null ? keyOfLoad(word.load) : formatSymbol(symbol);
    const known = found.get(key);
    if (known === undefined || (known.wants === null && word.wants !== null)) found.set(key, word);
  }
  return [...found.values()];
}
