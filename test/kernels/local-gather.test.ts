import { describeKernelProperty } from './describe-kernel-property.js';
import { localGatherProperty } from './properties.js';

describeKernelProperty(
  'the local gather gives what the reference gives, under every schedule',
  (kernels) => localGatherProperty(kernels, { maxTableElements: 4096 }),
  {
    numRuns: 100,
    mutants: [
      'gather: rows of the tile size',
      'gather: one row too many',
      'gather: one received row too many',
      'gather: every lane of a tile copies',
    ],
  },
);
