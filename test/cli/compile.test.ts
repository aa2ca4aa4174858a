import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { createMachine, type EngineMode, loadPrograms, type ProgramTexts, registerProgram } from '../../src/index.js';
import { simtwin, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const at = (name: string): string => join(folder(), name);

const KERNELS = `import type { KernelBody, Pointer, Thread } from 'simtwin';

interface Args {
  readonly out: Pointer<'u32'>;
}

export function* fill(t: Thread, { out }: Args): KernelBody {
  const sum = yield* t.reduceAddSync(0xffffffff, t.laneId);
  out.store(t.globalThreadIdx, sum);
}
`;
const WITH_SINE = `${KERNELS}
export function* sine(t: Thread, { out }: Args): KernelBody {
	const x = Math.sin(t.laneId);
  out.store(t.globalThreadIdx, x | 0);
}
`;

beforeAll(() => {
  writeFileSync(at('kernels.ts'), KERNELS);
  writeFileSync(at('sine.ts'), WITH_SINE);
  writeFileSync(at('none.ts'), 'export const a = 1;\n');
});

describe('simtwin compile', () => {
  test('a table of the kernels', async () => {
    const { exitCode, stdout, stderr } = await simtwin(['compile', at('kernels.ts')]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(
      /^ {2}kernel {2}blocks {2}instructions {2}variables {2}registers {2}in fast\n {2}fill +\d+ +\d+ +\d+ +0 {2}whole warps\n\n1 kernel compiled\n$/,
    );
  });

  test('what does not compile: place, line with a caret, what to write instead; nothing is written', async () => {
    const { exitCode, stdout, stderr } = await simtwin(['compile', at('sine.ts'), '-o', at('sine.js')]);
    expect(exitCode).toBe(2);
    expect(stdout).toContain('\n  fill ');
    expect(stderr.replaceAll(folder(), '')).toBe(
      [
        '/sine.ts:13:12: error: a call of Math.sin is not in the kernel subset: kernels have integer arithmetic, Math.min, max, imul, floor, ceil, trunc, abs and clz32',
        '   13 | \tconst x = Math.sin(t.laneId);',
        '      | \t          ^',
        'simtwin: 1 of 2 kernels did not compile; nothing is written',
        '',
      ].join('\n'),
    );
    expect(existsSync(at('sine.js'))).toBe(false);
  });

  test('--kernel: the others may be what they are', async () => {
    const { exitCode, stdout } = await simtwin(['compile', at('sine.ts'), '--kernel', 'fill']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('\n1 kernel compiled\n');
    expect((await simtwin(['compile', at('sine.ts'), '--kernel', 'sine'])).exitCode).toBe(2);
    expect(await simtwin(['compile', at('sine.ts'), '--kernel', 'cosine'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^simtwin: \S+sine\.ts exports no 'cosine'\n$/),
    });
  });

  test('--print gives the program to read', async () => {
    const { exitCode, stdout } = await simtwin(['compile', at('kernels.ts'), '--print']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^program fill\n/);
    expect(stdout).toContain('redux.add');
  });

  test('a file without kernels', async () => {
    expect(await simtwin(['compile', at('none.ts')])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `simtwin: ${at('none.ts')} exports no kernel: a function of a Thread that gives a KernelBody, or a Kernel<…>\n`,
    });
  });
});

describe('what it writes', () => {
  const textsOf = async (name: string): Promise<ProgramTexts> =>
    name.endsWith('.json')
      ? JSON.parse(readFileSync(at(name), 'utf8'))
      : (await import(/* @vite-ignore */ pathToFileURL(at(name)).href)).PROGRAMS;
  const readSource = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

  test.each(['fill.js', 'fill.mjs', 'fill.json'])('%s runs in every compiled mode', async (name) => {
    const { exitCode, stdout } = await simtwin(['compile', at('kernels.ts'), '-o', at(name)]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`\n1 kernel compiled, written to ${at(name)}\n`);
    const programs = loadPrograms(await textsOf(name), readSource);
    const fill = () => {
      throw new Error('it runs its source');
    };
    registerProgram(fill, programs.get('fill')!);
    for (const mode of ['fast', 'step'] as EngineMode[]) {
      const machine = createMachine({ mode });
      const out = machine.memory.allocate('out', 'u32', 64);
      machine.stream().launch(fill, { grid: 2, block: 32 }, { out });
      expect(machine.run()).toMatchObject({ verdict: 'completes' });
      expect(machine.mode).toBe(mode);
      expect([out.load(0), out.load(63)]).toEqual([496, 496]);
    }
  });

  test('is refused once its source has changed, with the command that makes it anew', async () => {
    writeFileSync(at('changing.ts'), KERNELS);
    await simtwin(['compile', at('changing.ts'), '--out', at('changing.json')]);
    const texts = await textsOf('changing.json');
    writeFileSync(at('changing.ts'), KERNELS.replaceAll('\n', '\r\n'));
    expect(loadPrograms(texts, readSource).size).toBe(1);
    writeFileSync(at('changing.ts'), KERNELS.replace('t.laneId)', 't.laneId + 1)'));
    expect(() => loadPrograms(texts, readSource)).toThrow(
      new RangeError(
        `${at('changing.ts')} has changed since fill was compiled; compile it again: simtwin compile ${at('changing.ts')} -o FILE`,
      ),
    );
    // Without its source nobody can know.
    expect(loadPrograms(texts, () => undefined).size).toBe(1);
  });
});
