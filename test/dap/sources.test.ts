import { expect, test } from 'vitest';
import type { DapHost } from '../../src/dap/index.js';
import { Sources } from '../../src/dap/sources.js';
import type { SourceMap } from '../../src/debug/index.js';

const map = { files: ['src/kernels/a.ts', 'lib/user.js'] } as unknown as SourceMap;

/** A host that has the file `src/kernels/a.ts`, and of `lib/user.js` only the text. */
const host = {
  sourcePath: (file: string) => (file === 'src/kernels/a.ts' ? '/package/src/kernels/a.ts' : null),
  sourceText: (file: string) => (file === 'lib/user.js' ? 'the text' : null),
} as unknown as DapHost;

test('a file that the client can open has a path, another one a number by which its text is had', () => {
  const sources = new Sources(host);
  expect(sources.toClient('src/kernels/a.ts')).toEqual({ name: 'a.ts', path: '/package/src/kernels/a.ts' });
  const { sourceReference } = sources.toClient('lib/user.js');
  expect(sources.toClient('lib/user.js')).toEqual({ name: 'user.js', sourceReference });
  expect(sources.text(sourceReference!)).toBe('the text');
  expect(sources.fromClient({ name: 'user.js', sourceReference }, map)).toEqual({ kind: 'port', file: 'lib/user.js' });
  const { sourceReference: missing } = sources.toClient('gone.ts');
  expect(() => sources.text(missing!)).toThrow('the source of gone.ts is not part of the package');
});

test.each([
  ['/package/src/kernels/a.ts', { kind: 'port', file: 'src/kernels/a.ts' }],
  ['C:\\work\\src\\kernels\\a.ts', { kind: 'port', file: 'src/kernels/a.ts' }],
  ['/elsewhere/trtllm_alltoall.cuh', { kind: 'original', name: '/elsewhere/trtllm_alltoall.cuh' }],
  ['/elsewhere/b.ts', { kind: 'unknown', name: 'b.ts' }],
])('%s', (path, expected) => expect(new Sources(host).fromClient({ path }, map)).toEqual(expected));
