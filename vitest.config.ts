import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { kernelMutants } from './test/kernels/mutant-plugin.js';
import { compiledKernels } from './test/support/compiled-kernels.js';
import { bundledPage } from './test/support/page-bundle.js';

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [compiledKernels(), kernelMutants(), bundledPage()],
  resolve: {
    // The examples import the package by name, as its users do.
    alias: [
      { find: /^simtwin$/, replacement: source('src/index.ts') },
      { find: /^simtwin\/arbitraries$/, replacement: source('src/arbitraries/index.ts') },
      { find: /^simtwin\/compile$/, replacement: source('src/compile/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    // A process a file: what one file makes V8 specialise on does not slow the next one down, and a crash names its file.
    pool: 'forks',
    // Vitest would keep one core for itself; it needs little while tests run.
    maxWorkers: availableParallelism(),
    setupFiles: ['test/support/watchdog.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A test this slow is worth a look: the whole suite is to take less than three minutes on two cores.
    slowTestThreshold: 2_000,
  },
});
