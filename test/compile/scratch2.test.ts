import { test } from 'vitest';
import { compileText } from './compile-text.js';
import { randomKernel } from './random-kernel.js';
import { formatProgram } from '../../src/program/format.js';
test('x', () => {
  const text = randomKernel(Number(process.env.SEED));
  console.log(text.split('\n').map((l, i) => `${i + 1}: ${l}`).join('\n'));
  const r = compileText(text);
  console.log(r.errors.map(e => e.message));
  if (process.env.SHOW) for (const p of r.programs.values()) console.log(formatProgram(p));
});
