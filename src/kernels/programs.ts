import type { ProgramTexts } from '../program/compiled-file.js';

/**
 * The compiled programs of the kernels, by kernel name. This file has none: the build puts them in its place in `dist`
 * (`scripts/compile-kernels.mjs`), vitest does the same (`test/support/compiled-kernels.ts`). Without them the kernels
 * run in mode `ref`.
 */
export const PROGRAMS: ProgramTexts = {};
