import { describeRandomKernels } from './describe-random-kernels.js';

describeRandomKernels(2);
