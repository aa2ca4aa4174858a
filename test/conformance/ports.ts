import type { Ports } from './harness.js';
import { atomicPorts } from './kernels-atomics.js';
import { barrierPorts } from './kernels-barriers.js';
import { integerPorts } from './kernels-integers.js';
import { memoryPorts } from './kernels-memory.js';
import { shufflePorts } from './kernels-shuffle.js';
import { tilePorts } from './kernels-tiles.js';
import { warpPorts } from './kernels-warp.js';

/** The port of each kernel of `conformance/`, by the kernel's name in a recording. */
export const ports: Ports = {
  ...warpPorts,
  ...shufflePorts,
  ...tilePorts,
  ...integerPorts,
  ...barrierPorts,
  ...atomicPorts,
  ...memoryPorts,
};

/** Ports whose result may differ where a granule is no whole warp: `__activemask` sees one granule. */
export const wholeWarpsOnly: ReadonlySet<string> = new Set(['activemask']);
