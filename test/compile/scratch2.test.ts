import { test } from 'vitest';
import { compileFile } from '../../src/compile/index.js';
import { compileText } from './compile-text.js';
import { randomKernel } from './random-kernel.js';

test('x', () => {
  const texts = Array.from({ length: 200 }, (_, k) => randomKernel(k));
  let t = performance.now();
  for (const text of texts.slice(0, 50)) compileText(text);
  console.log('warm', (performance.now() - t) / 50);
  t = performance.now();
  const cpu = process.cpuUsage();
  for (const text of texts.slice(50)) compileText(text);
  console.log('each', (performance.now() - t) / 150, process.cpuUsage(cpu).user / 150000);
  for (const f of ['moe-all-to-all-kernel', 'moe-all-to-all-kernel']) {
    t = performance.now();
    compileFile(`src/kernels/${f}.ts`);
    console.log(f, performance.now() - t);
  }
});
