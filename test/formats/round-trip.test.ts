import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodeSafetensors, encodeSafetensors, readCapture, type Tensor } from '../../src/capture/index.js';
import { fixtures, simtwin, useTemporaryFolder } from '../cli/support.js';
import { npzFile } from './write-numpy.js';
import { torchFile } from './write-torch.js';

const FIXTURES = ['prepare-indices/ep8-k4-r1-t3-real', 'local-gather/ep8-k4-t3', 'all-to-all/ep2-f16x8'];
const WRITERS: Readonly<Record<string, (tensors: ReadonlyMap<string, Tensor>) => Uint8Array>> = {
  pt: torchFile,
  npz: npzFile,
  'compressed.npz': (tensors) => npzFile(tensors, true),
  safetensors: (tensors) => encodeSafetensors({ metadata: {}, tensors }),
};
const folder = useTemporaryFolder();

const pathOf = (name: string): string => join(fixtures, `${name}.safetensors.br`);

function contentsOf(name: string) {
  const bytes = brotliDecompressSync(readFileSync(pathOf(name)));
  const { metadata, tensors } = decodeSafetensors(new Uint8Array(bytes), name);
  const { op, args, format, ...rest } = metadata;
  return { op: op!, args: JSON.parse(args!) as Record<string, number>, rest, tensors, format };
}

/** What `replay --json` says of its one call. */
async function replayed(path: string): Promise<unknown> {
  const { stdout } = await simtwin(['replay', path, '--json']);
  const { captures } = JSON.parse(stdout) as { captures: Record<string, unknown>[] };
  const { result, verdict, comparedBytes, differingBytes, undefinedBytes, steps, problem } = captures[0]!;
  return { count: captures.length, result, verdict, comparedBytes, differingBytes, undefinedBytes, steps, problem };
}

describe.each(FIXTURES)('%s', (name) => {
  test.each(Object.keys(WRITERS))(
    'as .%s with a description: the same replay, converted the same capture',
    async (ending) => {
      const { op, args, rest, tensors } = contentsOf(name);
      const at = join(folder(), `${name}-${ending}`);
      mkdirSync(at, { recursive: true });
      const path = join(at, `call.${ending.split('.').at(-1)}`);
      // Other names than the capture's, so that the description has something to say.
      const renamed = new Map([...tensors.values()].map((tensor, index) => [`t${index}`, tensor]));
      writeFileSync(path, WRITERS[ending]!(renamed));
      const names = Object.fromEntries([...tensors.keys()].map((key, index) => [key, `t${index}`]));
      writeFileSync(
        join(at, 'call.call.json'),
        JSON.stringify({ format: 'simt-call/1', op, args, tensors: names, metadata: rest }),
      );

      const original = await replayed(pathOf(name));
      expect(original).toMatchObject({ result: 'match', differingBytes: 0 });
      for (const input of [path, join(at, 'call.call.json'), at]) expect(await replayed(input)).toEqual(original);

      const converted = join(at, 'converted', 'a.safetensors');
      mkdirSync(join(at, 'converted'));
      expect(await simtwin(['convert', path, '-o', converted])).toMatchObject({ exitCode: 0, stderr: '' });
      expect(readCapture(converted)).toEqual(readCapture(pathOf(name)));
    },
  );
});

describe('dumps of the flight recorder', () => {
  const RESULTS = [
    'local_gather_indices',
    'send_rank_count_cum_sum',
    'send_rank_local_indices',
    'recv_rank_count_cum_sum',
    'recv_rank_local_indices',
    'backward_recv_rank_local_indice',
  ];

  function writeDump(
    at: string,
    name: string,
    changes: Readonly<Record<string, unknown>> = {},
    isSafetensors = false,
  ): void {
    const { op, args, tensors } = contentsOf(name);
    const write = isSafetensors ? WRITERS.safetensors! : torchFile;
    const ending = isSafetensors ? 'safetensors' : 'pt';
    const inputs = new Map([
      ['arg_0', tensors.get('in/gathered_target_rank_ids')!],
      ['kwarg_real_rank_token_count_cum_sum', tensors.get('in/real_rank_token_count_cum_sum')!],
    ]);
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, `inputs.${ending}`), write(inputs));
    const results = new Map(RESULTS.map((result, index) => [`result_${index}`, tensors.get(`out/${result}`)!]));
    writeFileSync(join(at, `outputs.${ending}`), write(results));
    const input_metadata = Object.fromEntries(
      ['max_token_count_per_rank', 'expert_count', 'top_k', 'ep_rank', 'ep_size'].map((key) => [
        `kwarg_${key}`,
        args[key],
      ]),
    );
    const record = {
      function_name: op,
      module: 'flashinfer.comm.trtllm_alltoall',
      input_metadata,
      versions: { flashinfer: '0.6' },
    };
    const lines = [
      { ...record, execution_status: 'inputs_saved' },
      { ...record, execution_status: 'completed', ...changes },
    ];
    writeFileSync(join(at, 'metadata.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    writeFileSync(join(at, '..', 'session.jsonl'), '');
  }

  test.each([false, true])('replay as the capture does (safetensors: %s)', async (isSafetensors) => {
    const session = join(folder(), `session-${isSafetensors}`);
    writeDump(join(session, 'call0001'), FIXTURES[0]!, {}, isSafetensors);
    const original = await replayed(pathOf(FIXTURES[0]!));
    expect(original).toMatchObject({ result: 'match', differingBytes: 0 });
    expect(await replayed(session)).toEqual(original);
    expect(await replayed(join(session, 'call0001'))).toEqual(original);
    const out = join(folder(), `dump-${isSafetensors}.safetensors`);
    expect(await simtwin(['convert', join(session, 'call0001'), '-o', out])).toMatchObject({ exitCode: 0 });
    expect(readCapture(out).provenance.producer).toBe('flight recorder of FlashInfer 0.6');
  });

  test('of an all-to-all, one a rank, go together', async () => {
    const { args, tensors } = contentsOf('all-to-all/ep2-f16x8');
    const dumps = [1, 0].map((rank) => {
      const at = join(folder(), 'ranks', `r${rank}`);
      mkdirSync(at, { recursive: true });
      const side = (name: string): Tensor => tensors.get(`r${rank}/in/${name}`)!;
      const workspaces: Tensor = {
        dtype: 'U8',
        shape: [2, args.rank_stride_bytes!],
        bytes: new Uint8Array(2 * args.rank_stride_bytes!),
      };
      const pageBytes = args.workspace_page_bytes!;
      const pages = new BigInt64Array(side('workspace_pages').bytes.slice().buffer);
      for (const [index, page] of pages.entries()) {
        const begin = rank * args.rank_stride_bytes! + Number(page) * pageBytes;
        workspaces.bytes.set(side('workspace_data').bytes.subarray(index * pageBytes, (index + 1) * pageBytes), begin);
      }
      const names = ['input', 'send_rank_cum_sum', 'send_indices', 'output', 'recv_rank_cum_sum', 'recv_indices'];
      const inputs = new Map(names.map((name, index) => [`arg_${index}`, side(name)]));
      writeFileSync(join(at, 'inputs.safetensors'), WRITERS.safetensors!(inputs.set('arg_6', workspaces)));
      const record = { function_name: 'moe_comm', input_metadata: { arg_7: rank, arg_8: 2 } };
      writeFileSync(join(at, 'metadata.jsonl'), JSON.stringify(record));
      return at;
    });
    const out = join(folder(), 'ranks.safetensors');
    expect(await simtwin(['convert', dumps[0]!, '-o', out])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('the dumps of 1 of 2 ranks'),
    });
    expect(await simtwin(['convert', ...dumps, '-o', out])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('max_usable_sm_count'),
    });
    const added = JSON.stringify({ max_usable_sm_count: args.max_usable_sm_count });
    expect(await simtwin(['convert', ...dumps, '--args', added, '-o', out])).toMatchObject({ exitCode: 0, stderr: '' });
    const [converted, original] = [readCapture(out), readCapture(pathOf('all-to-all/ep2-f16x8'))];
    if (converted.op !== 'moe_comm' || original.op !== 'moe_comm') throw new Error('not an all-to-all');
    expect(converted.args).toEqual({ ...original.args, dtype: 'U8', callIndex: 0 });
    expect(converted.ranks.map(({ inputs }) => inputs)).toEqual(original.ranks.map(({ inputs }) => inputs));
  });

  test.each([
    { changes: { function_name: 'rmsnorm' }, says: 'found a call of "rmsnorm", but expected one of' },
    { changes: { input_metadata: { arg_9: 1 } }, says: '"arg_9"' },
    { changes: { input_metadata: {} }, says: 'args.max_token_count_per_rank' },
  ])('with $changes are refused', async ({ changes, says }) => {
    const at = join(folder(), `bad-${says.length}`, 'dump');
    writeDump(at, FIXTURES[0]!, changes);
    const { exitCode, stderr } = await simtwin(['convert', at, '-o', join(folder(), 'never.safetensors')]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(says) });
    expect(stderr).not.toMatch(/\n.*\n/);
  });
});

describe('wrong input', () => {
  const ids: Tensor = { dtype: 'I64', shape: [2], bytes: new Uint8Array(16) };
  const describeCall = (changes: object) =>
    JSON.stringify({ format: 'simt-call/1', op: 'moe_local_gather', args: {}, ...changes });

  test.each([
    { what: 'tensors without a description', call: null, says: 'a description of the call in' },
    { what: 'another format', call: '{"format": "x"}', says: '"format": "simt-call/1"' },
    { what: 'no JSON', call: '{', says: 'is not JSON' },
    {
      what: 'a tensor that is not there',
      call: describeCall({ tensors: { 'in/a': 'zzz' } }),
      says: 'no tensor "zzz"; it has "ids"',
    },
    { what: 'a file outside', call: describeCall({ file: '../../etc/passwd' }), says: 'or below' },
    { what: 'a file with an escape', call: describeCall({ file: '\u001b[2J.npz' }), says: '"\\u001b[2J.npz"' },
    { what: 'a strange member', call: describeCall({ '<b>': 1 }), says: '"\\u003cb\\u003e"' },
    {
      what: 'another type than the operation takes',
      call: describeCall({
        args: { max_token_count_per_rank: 1, expert_count: 1, top_k: 1, ep_rank: 0, ep_size: 2 },
        tensors: { 'in/recv_rank_cum_sum': 'ids' },
      }),
      says: 'must be I32 [ep_size = 2], but is I64 [2]; it comes from "ids" of',
    },
  ])('$what: one line that says what to do', async ({ what, call, says }) => {
    const at = join(folder(), what.replaceAll(' ', '-'));
    mkdirSync(at);
    writeFileSync(join(at, 'a.npz'), npzFile(new Map([['ids', ids]])));
    if (call !== null) writeFileSync(join(at, 'a.call.json'), call);
    const { exitCode, stdout, stderr } = await simtwin(['convert', join(at, 'a.npz'), '-o', join(at, 'b.safetensors')]);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 2, stdout: '', stderr: expect.stringContaining(says) });
    expect(stderr).toMatch(/^simtwin: [^\n]+\n$/);
  });

  test('an input is not overwritten', async () => {
    const path = join(folder(), 'own.npz');
    writeFileSync(path, npzFile(new Map([['ids', ids]])));
    expect(await simtwin(['convert', path, '-o', path])).toMatchObject({ exitCode: 2 });
  });
});
