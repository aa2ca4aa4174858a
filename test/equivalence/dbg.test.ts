import { test } from 'vitest';
import { compile } from './run-modes.js';
import { optimized } from '../../src/program/index.js';
test('x', () => {
  const p = compile(`import { type KernelBody, type Pointer, type Thread } from 'simtwin';
interface Args { readonly input: Pointer<'u64'>; readonly out: Pointer<'u64'>; }
export function* kernel(t: Thread, args: Args): KernelBody {
  let w0 = args.input.load(0);
  args.out.store(t.laneId, w0);
}`);
  for (const q of [p, optimized(p)]) console.log(JSON.stringify(q.variables), JSON.stringify(q.blocks, null, 0));
});
