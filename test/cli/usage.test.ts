import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fixtures, simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const capture = join(fixtures, 'prepare-indices/ep1-k1-t5.safetensors.br');

describe('a mistake gives exit code 2, nothing on stdout, and a sentence', () => {
  test.each<readonly [argv: readonly string[], sentence: string]>([
    [['replya'], "unknown command 'replya'\n(Did you mean replay?)\n(see 'simtwin --help')"],
    [['replay'], "missing required argument 'path'\n(see 'simtwin replay --help')"],
    [['replay', 'x', '--jsn'], "unknown option '--jsn'\n(Did you mean --json?)\n(see 'simtwin replay --help')"],
    [['replay', capture, '--mode', 'quick'], '--mode quick does not exist; there are fast, step, ref'],
    [
      ['replay', capture, '--schedule', 'fifo'],
      "--schedule: 'fifo' does not fit: a schedule is 'rr', 'blocked', 'random:SEED' or 'picks:…', then any of ',granule=32|8|1', ',resident=N', ',order=linear|reverse|shuffle:SEED', ',stores=SEED' or ',links=SEED'",
    ],
    [['replay', capture, '--schedule', '@no/such/file'], '--schedule @no/such/file: the file cannot be read (ENOENT)'],
    [
      ['replay', capture, '--schedule', 'rr,granule=8', '--granule', '1'],
      "--granule 1 contradicts 'granule=8' of --schedule; give one of them",
    ],
    [
      ['replay', capture, '--schedule', 'rr,resident=8', '--resident-blocks', '1'],
      "--resident-blocks 1 contradicts 'resident=8' of --schedule; give one of them",
    ],
    [
      ['replay', capture, '--granule', '16'],
      "option '--granule <lanes>' argument '16' is invalid. It must be 32, 8 or 1.\n(see 'simtwin replay --help')",
    ],
    [
      ['replay', capture, '--max-steps', '-1'],
      "option '--max-steps <n>' argument '-1' is invalid. It must be a positive integer.\n(see 'simtwin replay --help')",
    ],
    [['replay', capture, '--out', 'no/such/x.safetensors'], '--out no/such/x.safetensors: there is no folder no/such'],
    [
      ['replay', join(fixtures, 'channels'), capture, '--out', capture],
      `--out ${capture} must be a folder, because PATH is a folder or several files`,
    ],
    [['replay', capture, '--out', ''], '--out must name a file or a folder, but is empty'],
    [
      ['replay', capture, '--out', '/dev/null'],
      '--out: /dev/null must be a regular file, but is a device, pipe or socket',
    ],
    [['replay', fixtures, '--out', `${capture}/x`], `--out: ${capture} must be a folder, but is none`],
    [['run', 'moe_comm', '--out', ''], '--out must name a file or a folder, but is empty'],
    [
      ['run', 'moe_comm', '--out', '/dev/null'],
      '--out: /dev/null must be a regular file, but is a device, pipe or socket',
    ],
    [['run'], "missing required argument 'op'\n(see 'simtwin run --help')"],
    [
      ['run', 'gather'],
      "there is no operation 'gather'; there are moe_comm_prepare_indices (prepare-indices), moe_local_gather (local-gather), moe_comm (all-to-all)",
    ],
    [['run', 'moe_comm', '--seed', '-3'], "--seed must be an integer from 0 to 4294967295, but is '-3'"],
    [['run', 'moe_comm', '--args', '{'], `--args: the text is not JSON; for example --args '{"ep_size": 8}'`],
    [
      ['run', 'moe_comm', '--args', '[]'],
      `--args: the text must be a JSON object, but is an array; for example --args '{"ep_size": 8}'`,
    ],
    [
      ['run', 'moe_comm', '--args', '{"tokens": 2, "tokens": 3}'],
      `--args: the text gives the name "tokens" twice; for example --args '{"ep_size": 8}'`,
    ],
    [
      ['run', 'moe_comm', '--args', '{"vector_bytes": 100}'],
      '--args: vector_bytes must be a multiple of 16 from 16 to 245760, but is 100; for example {"vector_bytes": 4096}',
    ],
    [['run', 'moe_comm', '--out', '/'], '--out / must be a file, but is a folder'],
    [['compile'], "missing required argument 'file'\n(see 'simtwin compile --help')"],
    [['compile', 'no/such.ts'], 'there is no file no/such.ts'],
    [['compile', fixtures], `${fixtures} must be a TypeScript file, but is a folder`],
    [['compile', 'package.json', '--out', 'x.wasm'], '--out x.wasm must end in .js, .mjs or .json'],
    [['compile', 'x.js', '--out', './x.js'], '--out ./x.js would overwrite the source'],
    [['list', '--all'], "unknown option '--all'\n(see 'simtwin list --help')"],
  ])('simtwin %j', async (argv, sentence) => {
    expect(await simtwin(argv)).toEqual({ exitCode: 2, stdout: '', stderr: `simtwin: ${sentence}\n` });
  });

  test('a folder without captures', async () => {
    const empty = join(folder(), 'empty');
    mkdirSync(empty);
    expect(await simtwin(['replay', capture, empty])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `simtwin: folder ${empty} holds no captures (*.safetensors, *.safetensors.br, *.safetensors.gz or channels-sm*.json), no *.call.json and no dump of FlashInfer's flight recorder\n`,
    });
  });

  test('no command at all: the help, on stderr', async () => {
    const { exitCode, stdout, stderr } = await simtwin([]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: simtwin /);
  });
});

describe('help', () => {
  test.each([[], ['replay'], ['run'], ['list'], ['compile']])(
    'simtwin %s --help has examples and fits 120 columns',
    async (...argv) => {
      const { exitCode, stdout, stderr } = await simtwin([...argv, '--help']);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toContain('\nExamples:\n  simtwin ');
      expect(Math.max(...stdout.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(120);
    },
  );

  test('the exit codes of signals', async () => {
    expect((await simtwin(['--help'])).stdout).toContain('Ctrl-C gives 130, a reader that goes away 141.\n');
  });

  test('the version', async () => {
    const { exitCode, stdout } = await simtwin(['--version']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^simtwin \d+\.\d+\.\d+\n$/);
  });
});
