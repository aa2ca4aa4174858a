import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type MoeCommCapture, readCapture } from '../../src/capture/index.js';
import { type Explanation, explainHang, formatDot, formatExplanation } from '../../src/explain/index.js';
import { setUpCall } from '../../src/tools/index.js';
import { HANGS } from '../corpus/captures.js';
import { registerKernels } from '../step/programs.js';
import { repositoryRoot } from '../support/files.js';
import { allToAll, countsOf, explained, type LinkWord, run, withArgs, withMore, withWords } from './calls.js';

beforeAll(registerKernels);

/** Calls that hung on an H100. */
const CAPTURES = join(repositoryRoot, 'fixtures/hang');

function captured(name: string): MoeCommCapture {
  const capture = readCapture(join(CAPTURES, `${name}.safetensors.br`));
  if (capture.op !== 'moe_comm') throw new Error('no all-to-all');
  return capture;
}

/** What each is to say: the class, parts of the sentence, members of the subject. */
const EXPECTED: Readonly<
  Record<string, readonly [cause: string, parts: readonly string[], subject: Readonly<Record<string, string | number>>]>
> = {
  'rank-2-not-launched': ['not launched', ['rank 2 was never launched', 'ranks 0-1 wait', 'link 2 -> 0'], { rank: 2 }],
  'ranks-serialised-on-one-stream': [
    'launch order',
    ['rank 1 is queued', 'behind moeAllToAllKernel of rank 0', 'flag of link 1 -> 0', 'wants 1, holds 0'],
    { queued: 1, behind: 0 },
  ],
  'serialised-one-way-receiver-first': [
    'launch order',
    ['rank 1 is queued', 'behind moeAllToAllKernel of rank 0', 'flag of link 1 -> 0'],
    { queued: 1, behind: 0 },
  ],
  'receiver-expects-one-more': [
    'counts disagree',
    ['rank 0 sends 3 vectors, rank 1 expects 4'],
    { link: '0 -> 1', sends: 3, expects: 4 },
  ],
  'sender-has-more-than-fifo-depth': [
    'counts disagree',
    [
      'rank 0 sends 12 vectors, rank 1 expects 1',
      'of the 12 slices to send rank 1 takes 1 and the FIFO holds 8, so rank 0 waits for ever with 3 left',
    ],
    { link: '0 -> 1', sends: 12, expects: 1 },
  ],
  'vector-129-packets': ['vector too large', ['245776 bytes', '129 packets', 'holds 128'], { packets: 129, most: 128 }],
  'workspace-dirty-fifo-full': [
    'workspace not clean',
    ['head of link 0 -> 1, channel 0 held 8', 'its tail 0', 'counts as full'],
    { link: '0 -> 1', channel: 0, word: 'head', value: '8' },
  ],
  'workspace-dirty-head': [
    'workspace not clean',
    ['head of link 0 -> 1, channel 0 held 3', 'flags from 4 on', 'waits for flag 1'],
    { link: '0 -> 1', channel: 0, word: 'head', value: '3' },
  ],
  'workspace-dirty-tail-ahead': [
    'workspace not clean',
    ['tail of link 1 -> 0, channel 0 held 9', 'waits for flag 10'],
    { link: '1 -> 0', channel: 0, word: 'tail', value: '9' },
  ],
};

/** Nodes are counted from 1, in data, text and graph; edges name nodes that there are, and so does the text. */
function expectOneNumbering(explanation: Explanation): void {
  const { nodes, edges } = explanation;
  expect(nodes.map(({ id }) => id)).toEqual(nodes.map((_, index) => index + 1));
  for (const { from, to } of edges) for (const id of [from, to]) expect(nodes[id - 1]?.id).toBe(id);
  const labels = [...formatDot(explanation).matchAll(/^ {2}n\d+ \[label="\[(\d+)\] /gm)].map(([, id]) => Number(id));
  expect(labels).toEqual(nodes.map(({ id }) => id));
  const text = formatExplanation(explanation);
  const shown = new Set([...text.matchAll(/^ {2}\[(\d+)\] /gm)].map(([, id]) => id));
  for (const [, id] of text.matchAll(/-> \[(\d+)\]/g)) expect(shown).toContain(id);
}

describe('calls that hung on a GPU', () => {
  test('each of them is known here', () => {
    const names = Object.keys(HANGS).map((name) => name.replace('hang/', ''));
    expect(names.sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  describe.each([
    ['step', 'rr'],
    ['fast', 'random:3'],
  ] as const)('%s %s', (mode, schedule) => {
    test.each(Object.keys(EXPECTED))('%s', (name) => {
      const [cause, parts, subject] = EXPECTED[name]!;
      const { rootCause, alsoFound } = explained(captured(name), schedule, mode);
      expect(rootCause?.cause).toBe(cause);
      for (const part of parts) expect(rootCause?.sentence).toContain(part);
      expect(rootCause?.subject).toMatchObject(subject);
      expect(alsoFound.filter((other) => other.cause !== cause)).toEqual([]);
    });
  });

  test.each(Object.keys(EXPECTED))('%s: text, graph and data', (name) => {
    const explanation = explained(captured(name));
    const text = formatExplanation(explanation);
    expect(text).toMatch(
      new RegExp(
        `^root cause: ${EXPECTED[name]![0]}\n  \\S[^]*\n  do: [^]*\n\nwho waits for what:\n  \\[1\\] `.replaceAll(
          '[^]',
          '[\\s\\S]',
        ),
      ),
    );
    expect(text.split('\n').length).toBeLessThan(56);
    expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
    expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
    expectOneNumbering(explanation);
    expect(formatDot(explanation)).toMatch(
      /^digraph hang \{\n(?: {2}(?:[a-z]+=|n\d+ (?:-> n\d+ )?\[|node|edge|label=).*;\n)+\}\n$/,
    );
  });
});

describe('other hangs', () => {
  const call = allToAll({ ep_size: 3, tokens: 24, top_k: 3, vector_bytes: 64_000, max_usable_sm_count: 4 });

  test('a vector less in the last slice than is expected', () => {
    const small = allToAll({ ep_size: 3, tokens: 4, top_k: 3, vector_bytes: 16, max_usable_sm_count: 8 });
    const { rootCause } = explained(withMore(small, 'recv', { from: 2, to: 0 }, 1));
    expect(rootCause).toMatchObject({ cause: 'counts disagree', subject: { link: '2 -> 0', sends: 4, expects: 5 } });
  });

  test('receivers have no room', () => {
    const { rootCause } = explained(call, 'rr,resident=1,order=reverse');
    expect(rootCause?.cause).toBe('not resident');
    expect(rootCause?.sentence).toContain('1 of 2 blocks');
    expect(rootCause?.sentence).toContain('resident=1');
  });

  test('who takes up the room is on the device whose room it is', () => {
    const wrap = readCapture(join(repositoryRoot, 'fixtures/all-to-all/ep2-bf16x62400-wrap.safetensors.br'));
    if (wrap.op !== 'moe_comm') throw new Error('no all-to-all');
    const { rootCause } = explained(wrap, 'rr,resident=1');
    expect(rootCause?.cause).toBe('not resident');
    const sentence = rootCause?.sentence ?? '';
    const device = /for room on device (\d)/.exec(sentence)?.[1];
    expect(device).toBeDefined();
    expect(sentence).toMatch(
      new RegExp(
        `; that room is taken up by rank ${device} block \\(0,0,0\\), sending group for peer rank \\d, which polls tail of link ` +
          `${device} -> \\d, channel 0 \\(.*\\); that needs rank \\d block \\(0,0,1\\), and in the end the same room$`,
      ),
    );
  });

  test('the sentence names the lowest of the words that the list has', () => {
    const explanation = explained(captured('serialised-one-way-receiver-first'));
    expect(explanation.rootCause?.sentence).toContain(
      'receiving group for peer rank 1, polls flag of link 1 -> 0, channel 0, slot 0, packet 0 (',
    );
    expect(formatExplanation(explanation)).toContain('slot 0, packets 0-1: wants 1, holds 0');
  });

  test('several ranks are not launched', () => {
    const { rootCause, nodes } = explained(withArgs(call, { launchedRanks: [1] }));
    expect(rootCause?.cause).toBe('not launched');
    expect(rootCause?.sentence).toContain('ranks 0,2 were never launched, and rank 1 waits');
    expect(nodes.filter(({ kind }) => kind === 'never launched').map(({ ranks }) => ranks)).toEqual([[0], [2]]);
  });

  test('all three ranks on one stream', () => {
    const { rootCause } = explained(withArgs(call, { oneStream: true }));
    expect(rootCause).toMatchObject({ cause: 'launch order', subject: { behind: 0 } });
  });

  test('two causes at once: one is the root, the other is told', () => {
    const both = withArgs(withMore(call, 'recv', { from: 1, to: 0 }, 1), { launchedRanks: [0, 1] });
    const { rootCause, alsoFound } = explained(both);
    expect(rootCause).toMatchObject({ cause: 'not launched', subject: { rank: 2 } });
    expect(alsoFound).toMatchObject([{ cause: 'counts disagree', subject: { link: '1 -> 0' } }]);
  });

  test('a dirty link that nobody uses is no cause', () => {
    const quiet = allToAll({ ep_size: 2, tokens: 1, top_k: 1, vector_bytes: 16, max_usable_sm_count: 8 });
    const idle = [0, 1]
      .flatMap((from) => [0, 1].map((to) => ({ from, to })))
      .find(({ from, to }) => countsOf(quiet, from, to).sends === 0)!;
    const busy = [0, 1]
      .flatMap((from) => [0, 1].map((to) => ({ from, to })))
      .find(({ from, to }) => countsOf(quiet, from, to).sends > 0)!;
    const words: LinkWord[] = [{ ...idle, channel: 0, word: 'head', value: 4n }];
    const { rootCause, alsoFound } = explained(withMore(withWords(quiet, words), 'recv', busy, 1));
    expect(rootCause).toMatchObject({ cause: 'counts disagree', subject: { link: `${busy.from} -> ${busy.to}` } });
    expect(alsoFound).toEqual([]);
  });

  test('8 ranks of 33 channels are explained at once', () => {
    const args = { ep_size: 8, tokens: 16, top_k: 8, vector_bytes: 16, max_usable_sm_count: 132 };
    const { machine } = run(withArgs(allToAll(args), { launchedRanks: [0, 1, 2, 4, 5, 6, 7] }));
    const startedAt = performance.now();
    const explanation = explainHang(machine);
    expect(explanation.rootCause).toMatchObject({ cause: 'not launched', subject: { rank: 3 } });
    expect(formatExplanation(explanation).split('\n').length).toBeLessThan(48);
    expectOneNumbering(explanation);
    // It takes a tenth of that where nothing else runs.
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });
});

/** A defect that is planted into a call that completes, and what must be said about it. */
interface Defect {
  readonly capture: MoeCommCapture;
  readonly cause: string;
  readonly subject: Readonly<Record<string, string | number>>;
}

const calls = fc
  .record({
    ep_size: fc.integer({ min: 2, max: 4 }),
    tokens: fc.integer({ min: 1, max: 12 }),
    top_k: fc.integer({ min: 1, max: 4 }),
    vector_bytes: fc.constantFrom(16, 1920, 20_000),
    max_usable_sm_count: fc.constantFrom(2, 4, 8),
    seed: fc.nat(1000),
  })
  .map(({ seed, ...args }) => allToAll(args, seed));

const linksOf = (capture: MoeCommCapture) =>
  capture.ranks.flatMap((_, from) => capture.ranks.map((_rank, to) => ({ from, to, ...countsOf(capture, from, to) })));

const oneMore = (capture: MoeCommCapture, choice: number): Defect => {
  const links = linksOf(capture);
  const { from, to, sends, expects } = links[choice % links.length]!;
  return {
    capture: withMore(capture, 'recv', { from, to }, 1),
    cause: 'counts disagree',
    subject: { link: `${from} -> ${to}`, sends, expects: expects + 1 },
  };
};

const dirtyWord = (capture: MoeCommCapture, choice: number): Defect | null => {
  const links = linksOf(capture).filter(({ sends }) => sends > 0);
  const { from, to } = links[choice % links.length]!;
  const word = choice % 2 === 0 ? 'head' : 'tail';
  // Far enough off that no number of slices makes up for it.
  const value = BigInt(1000 + (choice % 50));
  return {
    capture: withWords(capture, [{ from, to, channel: 0, word, value }]),
    cause: 'workspace not clean',
    subject: { link: `${from} -> ${to}`, channel: 0, word, value: String(value) },
  };
};

const withoutRank = (capture: MoeCommCapture, choice: number): Defect | null => {
  const rank = choice % capture.ranks.length;
  const isMissed = linksOf(capture).some(({ from, to, sends }) => from === rank && to !== rank && sends > 0);
  if (!isMissed) return null;
  const launchedRanks = capture.args.launchedRanks.filter((other) => other !== rank);
  return { capture: withArgs(capture, { launchedRanks }), cause: 'not launched', subject: { rank } };
};

describe('a planted defect is named exactly', () => {
  test.each([
    ['one vector more is expected', oneMore],
    ['a word is dirty', dirtyWord],
    ['a rank is not launched', withoutRank],
  ] as const)('%s', (_, plant) => {
    fc.assert(
      fc.property(calls, fc.nat(1000), fc.constantFrom('rr', 'random:1', 'blocked'), (capture, choice, schedule) => {
        const defect = plant(capture, choice);
        fc.pre(defect !== null);
        const { rootCause, alsoFound } = explained(defect.capture, schedule);
        expect(rootCause).toMatchObject({ cause: defect.cause, subject: defect.subject });
        expect(alsoFound).toEqual([]);
      }),
      { numRuns: 8, seed: 1 },
    );
  });

  test('without one nothing is wrong on the way to the end', () => {
    fc.assert(
      fc.property(calls, fc.integer({ min: 50, max: 2000 }), (capture, steps) => {
        const { machine } = setUpCall(capture, { mode: 'step' }, 'call');
        for (let looks = 0; looks < 8 && machine.advance(steps) === null; looks++) {
          expect(explainHang(machine).rootCause).toBeNull();
        }
      }),
      { numRuns: 5, seed: 1 },
    );
  });
});
