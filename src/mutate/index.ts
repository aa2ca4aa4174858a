/** Mutants of kernels, each with one synchronisation weakened, and whether anything shows it. */
export { type Baseline, judgeMutant, type MutantVerdict, runBaseline } from './judge.js';
export { type InstructionPlace, MUTATION_KINDS, type Mutant, type MutationKind } from './mutant.js';
export { type MutantOptions, mutantsOf } from './mutants.js';
