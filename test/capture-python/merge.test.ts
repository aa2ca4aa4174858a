import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeSafetensors, type MoeCommCapture, readCapture } from '../../src/index.js';
import { captureOf, fixtures, simtwin, useTemporaryFolder } from '../cli/support.js';
import { type PartChange, partFiles } from './parts.js';

const root = useTemporaryFolder();
const whole = captureOf('moe_comm', readCapture(join(fixtures, 'all-to-all/ep4-f32x4-none-from-rank1.safetensors.br')));
let folders = 0;

/** Writes the parts of `capture`, and merges them. */
async function merged(changes: Readonly<Record<number, PartChange>> = {}, more: readonly string[] = []) {
  const folder = join(root(), `case${folders++}`);
  mkdirSync(folder);
  const names = partFiles(whole as MoeCommCapture, changes).map(([name, file]) => {
    writeFileSync(join(folder, name), encodeSafetensors(file));
    return name;
  });
  const out = join(folder, 'out.safetensors');
  const { exitCode, stderr } = await simtwin(['merge', folder, '-o', out, ...more]);
  return { folder, names, out, exitCode, sentences: stderr.replaceAll(`${folder}/`, '') };
}

test('the parts of a capture give it back', async () => {
  const { out, exitCode, sentences } = await merged();
  expect({ exitCode, sentences }).toEqual({ exitCode: 0, sentences: '' });
  expect(readCapture(out)).toEqual(whole);
});

test('ranks with rows at different distances', async () => {
  const { out, exitCode, sentences } = await merged({ 2: { outputStride: 48 } });
  expect({ exitCode, sentences }).toEqual({
    exitCode: 0,
    sentences: 'simtwin: call 0: ranks differ in output_row_stride_bytes: all rows are laid out 48 bytes apart\n',
  });
  expect(await simtwin(['replay', out, '--quiet'])).toMatchObject({ stdout: '1 passed, 0 failed\n' });
});

test('counts that disagree are told, and the call is written', async () => {
  const { out, exitCode, sentences } = await merged({
    3: { tensors: { 'r3/in/recv_rank_cum_sum': (words) => words.set([words[0]! + 2, words[1]! + 2]) } },
  });
  expect(exitCode).toBe(1);
  expect(sentences).toMatch(
    /^simtwin: call 0: rank 0 sends \d+ vectors? to rank 3 \(send_rank_cum_sum\), but rank 3 expects \d+ from rank 0 \(recv_rank_cum_sum\): prepare both from one routing\n/,
  );
  expect(existsSync(out)).toBe(true);
});

test.each<readonly [name: string, change: PartChange, sentence: RegExp]>([
  [
    'an index beyond the rows',
    { tensors: { 'r1/in/recv_indices': (words) => words.fill(999, 0, 1) } },
    /recv_indices of rank 1 holds 999 at index 0, but output has \d+ rows\n$/,
  ],
  [
    'sums that fall',
    { tensors: { 'r1/in/recv_rank_cum_sum': (words) => words.fill(-1, 3) } },
    /recv_rank_cum_sum of rank 1 falls at rank 3, to -1: it must not\n$/,
  ],
])('%s', async (_, change, sentence) => {
  const { exitCode, sentences } = await merged({ 1: change });
  expect(exitCode).toBe(1);
  expect(sentences).toMatch(sentence);
});

test.each<
  readonly [name: string, changes: Readonly<Record<number, PartChange>>, more: readonly string[], sentence: string]
>([
  [
    'a missing rank',
    { 2: { isAbsent: true } },
    [],
    'out.safetensors: call 0 of 4 ranks lacks the file of rank 2: give it too, or, if it never came to the call, --not-launched 2',
  ],
  [
    'missing ranks',
    { 1: { isAbsent: true }, 2: { isAbsent: true } },
    [],
    'out.safetensors: call 0 of 4 ranks lacks the files of ranks 1, 2: give them too, or, if they never came to the call, --not-launched 1,2',
  ],
  [
    'a rank twice',
    { 3: { copy: 'rank0003.pid2.part.safetensors' } },
    [],
    'rank0003.pid2.part.safetensors: call 0 of rank 3 is also in rank0003.part.safetensors: give one of them; they may be of two runs',
  ],
  [
    'another call',
    { 3: { args: { call_index: 7 } } },
    [],
    'rank0003.part.safetensors: rank 3 has recorded call 7, but rank 0 call 0 (rank0000.part.safetensors): give the files of one call, or choose it with --call',
  ],
  [
    'another vector',
    { 1: { args: { vector_bytes: 32 } } },
    [],
    'rank0001.part.safetensors: args.vector_bytes is 32 on rank 1, but 16 on rank 0 (rank0000.part.safetensors): input and output must have the same columns and element type on every rank',
  ],
  [
    'other channels',
    { 1: { args: { channel_count: 2 } } },
    [],
    'rank0001.part.safetensors: args.channel_count is 2 on rank 1, but 4 on rank 0 (rank0000.part.safetensors): set_moe_max_usable_sm_count must be called with the same number on every rank',
  ],
  ['a call that is not there', {}, ['--call', '5'], '--call 5: there is only call 0'],
  [
    'a rank that is there',
    {},
    ['--not-launched', '1'],
    'rank0001.part.safetensors: rank 1 is said not to have been launched, but has recorded the call',
  ],
  [
    'a tensor of another rank',
    { 1: { rename: ['r1/in/input', 'r2/in/input'] } },
    [],
    'rank0001.part.safetensors: tensor r2/in/input does not belong in the part of rank 1, whose tensors begin with r1/',
  ],
  [
    'a tensor that is missing',
    { 1: { rename: ['r1/in/input', 'r1/in/inputs'] } },
    [],
    'rank0001.part.safetensors: tensor r1/in/input is missing: it must be U8 [rows, input_row_stride_bytes = 16]',
  ],
])('refused: %s', async (_, changes, more, sentence) => {
  const { out, exitCode, sentences } = await merged(changes, more);
  expect({ exitCode, sentences }).toEqual({ exitCode: 2, sentences: `simtwin: ${sentence}\n` });
  expect(existsSync(out)).toBe(false);
});

test('into a folder: what cannot be merged does not stop the others', async () => {
  const { folder } = await merged({ 1: { copy: 'rank0001.call9.part.safetensors', copyArgs: { call_index: 9 } } }, [
    '--call',
    '0',
  ]);
  const calls = join(folder, 'calls');
  const { exitCode, stdout, stderr } = await simtwin(['merge', folder, '-o', `${calls}/`]);
  expect(exitCode).toBe(2);
  expect(stdout).toMatch(/^call 0: ep4 16 B, 4 ch, .* -> .*moe_comm\.call000000\.safetensors\n$/);
  expect(stderr).toContain('call 9 of 4 ranks lacks the files of ranks 0, 2, 3');
});

test('parts and whole captures are told apart', async () => {
  const { folder, out } = await merged();
  const part = join(folder, 'rank0000.part.safetensors');
  expect(await simtwin(['replay', part, '--quiet'])).toMatchObject({
    exitCode: 2,
    stdout: expect.stringContaining(
      "this is what one rank has recorded of a call: 'simtwin merge' joins the files of all ranks",
    ),
  });
  // A folder: its captures only.
  expect(await simtwin(['replay', folder, '--quiet'])).toMatchObject({ stdout: '1 passed, 0 failed\n' });
  expect((await simtwin(['merge', out, '-o', join(folder, 'x.safetensors')])).stderr).toContain(
    "out.safetensors: this is a whole capture, which 'simtwin replay' takes as it is; leave it out",
  );
  const only = join(folder, 'only');
  mkdirSync(only);
  writeFileSync(join(only, 'a.part.safetensors'), '');
  expect((await simtwin(['replay', only])).stderr).toContain(
    `1 file of single ranks: 'simtwin merge ${only} -o FOLDER/' joins them`,
  );
  expect((await simtwin(['merge', only, '-o', part])).stderr).toContain(
    'a.part.safetensors: this is not a safetensors file',
  );
  expect((await simtwin(['merge', part, '-o', part])).stderr).toContain('would overwrite the input');
  expect((await simtwin(['merge', folder])).stderr).toContain("required option '-o, --out <path>' not specified");
});
