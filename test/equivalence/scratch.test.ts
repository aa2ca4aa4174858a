import { test } from 'vitest';
import { describeOutcome } from '../../src/simt/index.js';
import { kernelOfSeed } from './kernel-arbitrary.js';
import type { KernelCase } from './kernel-ast.js';
import { printKernel } from './print-kernel.js';
import { describeCase, firstDifference, load, run } from './run-modes.js';
import { shrinkKernel } from './shrink-kernel.js';

const t = { load: 0, ref: 0, step: 0, fast: 0 };
export function check(c: KernelCase): string | null {
  let t0 = performance.now();
  let loaded;
  try {
    loaded = load(c);
  } catch (e) {
    return (
      `COMPILE ${(e as Error).message.replace(/^[^ ]*: /, '')}` +
      ((e as Error).name === 'CompileError' ? '' : (e as Error).stack!.split('\n').slice(1, 4).join('|'))
    );
  }
  t.load += performance.now() - t0;
  t0 = performance.now();
  const r = run(loaded.kernel, c, 'ref', { record: true });
  t.ref += performance.now() - t0;
  t0 = performance.now();
  for (const mode of ['step', 'fast'] as const) {
    let o;
    t0 = performance.now();
    try {
      o = run(loaded.kernel, c, mode, { record: mode === 'step' });
    } catch (e) {
      return `${mode} THROWS ${(e as Error).message} ${(e as Error).stack!.split('\n').slice(1, 3).join('|')}`;
    }
    t[mode] += performance.now() - t0;
    if (o.outcome.verdict !== r.outcome.verdict)
      return `${mode} VERDICT ${describeOutcome(o.outcome, {} as never)} expected ${describeOutcome(r.outcome, {} as never)}`;
    const d = firstDifference(r, o);
    if (d !== null) return `${mode} DIFF ${d}`;
    if (mode === 'step' && (o.outcome.steps !== r.outcome.steps || o.recorded !== r.recorded))
      return `${mode} STEPS ${o.outcome.steps} expected ${r.outcome.steps}`;
  }
  return null;
}
const kind = (m: string) =>
  m
    .replace(/word.*/, '')
    .replace(/\d+/g, '#')
    .replace(/expected .*/s, '')
    .slice(0, 100);

test('all', () => {
  const N = Number(process.env.N ?? 500);
  const FROM = Number(process.env.FROM ?? 0);
  const SHRINK = Number(process.env.SHRINK ?? 0);
  const kinds = new Map<string, { seed: number; message: string; count: number }>();
  for (let seed = FROM; seed < FROM + N; seed++) {
    const c = kernelOfSeed(seed);
    const m = check(c);
    if (m !== null) {
      const k = kind(m);
      const known = kinds.get(k);
      if (known) known.count++;
      else kinds.set(k, { seed, message: m, count: 1 });
    }
  }
  console.log(t);
  for (const [k, v] of [...kinds].sort((a, b) => b[1].count - a[1].count)) console.log(v.count, k, '| seed', v.seed);
  let shown = 0;
  for (const [k, v] of [...kinds].sort((a, b) => b[1].count - a[1].count)) {
    if (shown++ >= SHRINK) break;
    let c = kernelOfSeed(v.seed);
    let message = v.message;
    let tries = 0;
    outer: for (;;) {
      for (const s of shrinkKernel(c)) {
        if (++tries > 3000) break outer;
        const m = check(s);
        if (m !== null && kind(m) === k) {
          c = s;
          message = m;
          continue outer;
        }
      }
      break;
    }
    console.log('=====', tries, message, '\n', describeCase(c));
  }
}, 600000);
