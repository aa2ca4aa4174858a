import { test } from 'vitest';
import { describeOutcome } from '../../src/simt/index.js';
import { faultOfSeed } from './kernel-arbitrary.js';
import { FAULTS, type KernelCase } from './kernel-ast.js';
import { printKernel } from './print-kernel.js';
import { describeCase, load, run } from './run-modes.js';
import { shrinkKernel } from './shrink-kernel.js';

const verdicts = new Map<string, number>();
export function check(c: KernelCase): string | null {
  let loaded;
  try {
    loaded = load(c);
  } catch (e) {
    return (
      `COMPILE ${FAULTS[c.fault!.kind]} ${(e as Error).message.replace(/^[^ ]*: /, '')}` +
      ((e as Error).name === 'CompileError' ? '' : (e as Error).stack!.split('\n').slice(1, 4).join('|'))
    );
  }
  const r = run(loaded.kernel, c, 'ref', { record: true });
  const k = r.outcome.verdict === 'error' ? `${FAULTS[c.fault!.kind]} ${r.outcome.error.code}` : r.outcome.verdict;
  verdicts.set(k, (verdicts.get(k) ?? 0) + 1);
  for (const mode of ['step', 'fast'] as const) {
    let o;
    try {
      o = run(loaded.kernel, c, mode, { record: mode === 'step' });
    } catch (e) {
      return `${mode} THROWS ${(e as Error).message} ${(e as Error).stack!.split('\n').slice(1, 3).join('|')}`;
    }
    const [a, b] = [r.outcome, o.outcome];
    if (a.verdict !== b.verdict)
      return `${mode} VERDICT ${describeOutcome(b, {} as never)} expected ${describeOutcome(a, {} as never)}`;
    if (a.verdict !== 'error' || b.verdict !== 'error') continue;
    if (mode === 'step') {
      if (a.error.message !== b.error.message)
        return `step MESSAGE ${FAULTS[c.fault!.kind]} ${b.error.message}\nexpected ${a.error.message}`;
    } else if (
      a.error.code !== b.error.code ||
      a.error.site.thread !== b.error.site.thread ||
      a.error.site.block !== b.error.site.block
    )
      return `fast ERROR  ${FAULTS[c.fault!.kind]} ${b.error.message}\nexpected ${a.error.message}`;
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
    const c = faultOfSeed(seed);
    const m = check(c);
    if (m !== null) {
      const k = kind(m);
      const known = kinds.get(k);
      if (known) known.count++;
      else kinds.set(k, { seed, message: m, count: 1 });
    }
  }
  console.log(verdicts);
  const shown = new Set((process.env.ONLY ?? '').split(',').filter(Boolean).map(Number));
  let s = 0;
  for (const [k, v] of [...kinds].sort((a, b) => b[1].count - a[1].count))
    console.log(s++, v.count, k, '| seed', v.seed);
  s = 0;
  for (const [k, v] of [...kinds].sort((a, b) => b[1].count - a[1].count)) {
    s++;
    if (s > SHRINK || (shown.size > 0 && !shown.has(s - 1))) continue;
    let c = faultOfSeed(v.seed);
    let message = v.message;
    let tries = 0;
    outer: for (;;) {
      for (const s of shrinkKernel(c)) {
        if (++tries > 1500) break outer;
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
