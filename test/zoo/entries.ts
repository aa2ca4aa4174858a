import { ARITHMETIC_AND_LAYOUT } from './entries/arithmetic-and-layout.js';
import { BARRIERS } from './entries/barriers.js';
import { FIFO_AND_FLAGS } from './entries/fifo-and-flags.js';
import { RESIDENCY_AND_ORDER } from './entries/residency-and-order.js';
import { WARPS_AND_SHARED } from './entries/warps-and-shared.js';
import type { ZooEntry } from './entry.js';

/** The bug zoo: real bugs as small kernels, each with a twin that is sound. */
export const ENTRIES: readonly ZooEntry[] = [
  ...FIFO_AND_FLAGS,
  ...BARRIERS,
  ...WARPS_AND_SHARED,
  ...RESIDENCY_AND_ORDER,
  ...ARITHMETIC_AND_LAYOUT,
];

/** An entry of the zoo that cannot be shown on this machine. */
interface NotExpressed {
  readonly id: string;
  readonly reason: string;
}

export const NOT_EXPRESSED: readonly NotExpressed[] = [
  {
    id: 'Z37',
    reason: 'the machine has no asynchronous copies, hence no asynchronous proxy and no fence between proxies',
  },
  { id: 'Z39', reason: 'the cause is not published: there is no pattern to write down' },
];
