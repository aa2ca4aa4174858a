import { describe, expect, test } from 'vitest';
import { type Port, runPort } from './harness.js';
import { voteWith } from './kernels-warp.js';
import { ports, wholeWarpsOnly } from './ports.js';
import { type RecordedKernel, readRecordings } from './recordings.js';

const SCHEDULES = ['rr', 'random:1', 'blocked', 'random:1,granule=8'];

/** Words of `out` that differ from the recorded ones: all are counted, the first few shown. */
function differencesOf(port: Port, { launch, out }: RecordedKernel, schedule: string): string {
  const words = runPort(port, launch, out.length, schedule);
  const differing = [...out.keys()].filter((at) => words[at] !== out[at]);
  if (differing.length === 0) return 'none';
  const shown = differing.slice(0, 5).map((at) => `out[${at}] is ${hex(words[at]!)}, recorded ${hex(out[at]!)}`);
  return [`${differing.length} of ${out.length} words`, ...shown].join('\n');
}

const hex = (word: number): string => `0x${word.toString(16).padStart(8, '0')}`;

const recordings = readRecordings();

describe.each(recordings)('$name, recorded on $device', ({ kernels }) => {
  test('every recorded kernel has a port and every port was recorded', () => {
    expect(Object.keys(ports).sort()).toEqual([...kernels.keys()].sort());
  });

  describe.each(SCHEDULES)('%s', (schedule) => {
    const names = [...kernels.keys()].filter(
      (name) => ports[name] !== undefined && !(schedule.includes('granule') && wholeWarpsOnly.has(name)),
    );
    test.each(names)('%s', (name) => {
      expect(differencesOf(ports[name]!, kernels.get(name)!, schedule)).toBe('none');
    });
  });

  test('a port with one wrong line is noticed', () => {
    const planted = voteWith((t, mask, p) => t.allSync(mask, p));
    expect(differencesOf(planted, kernels.get('vote_any')!, 'rr')).toMatch(/^\d+ of 3072 words\nout\[\d+\] is 0x/);
  });

  test('one wrong bit of a recording is noticed', () => {
    const { launch, out } = kernels.get('last_block')!;
    const wrong = Uint32Array.from(out, (word, at) => (at === 1 ? word ^ 0x10 : word));
    expect(differencesOf(ports.last_block!, { launch, out: wrong }, 'rr')).toMatch(/^1 of 11 words\nout\[1\] is /);
  });
});
