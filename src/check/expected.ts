import type { Kernel } from '../simt/index.js';

/** A place that an expected finding is about: in some frame of the stack all that is given must agree. */
export interface ExpectedSite {
  /** As the stack names it: `AllToAllChannelCommunicator.run`. */
  readonly function: string;
  /** Line or lines of the original, as reports tell them: `trtllm_alltoall.cuh:327`. */
  readonly original?: string;
  /** Line of the kernel, as reports tell it: `src/kernels/x.ts:12`. */
  readonly line?: string;
  /** Stands on the line of the port: `words.store(1, 1)`. */
  readonly text?: string;
}

/** Kinds of problems that can be expected; the same as those of findings. */
export const EXPECTED_KINDS = [
  'race',
  'barrier reuse',
  'invariant',
  'deadlock',
  'livelock',
  'error',
  'wrong output',
  'schedule-dependent output',
] as const;

/** Something that is known to be wrong with a kernel, or taken to be harmless, and why. */
export interface ExpectedFinding {
  readonly kind: (typeof EXPECTED_KINDS)[number];
  /** Domain: two for a race, in any order; at most one for an error or an invariant; else none. */
  readonly sites: readonly ExpectedSite[];
  /** The invariant's name, the error's code, the cause of a hang or the barrier's id; absent: any. */
  readonly name?: string;
  /** Why it is left as it is. */
  readonly reason: string;
}

const DECLARED = new WeakMap<Kernel<never>, readonly ExpectedFinding[]>();

/** Declares what is expected of a kernel, in place of what was. @throws RangeError */
export function declareExpectedFindings(kernel: Kernel<never>, expected: readonly ExpectedFinding[]): void {
  for (const [at, finding] of expected.entries()) {
    const problem = problemWithExpected(finding);
    if (problem !== null) throw new RangeError(`expected finding ${at} of ${kernel.name}: ${problem}`);
  }
  DECLARED.set(kernel, expected);
}

/** What is expected of kernels together. */
export const expectedFindingsOf = (kernels: readonly Kernel<never>[]): readonly ExpectedFinding[] =>
  kernels.flatMap((kernel) => DECLARED.get(kernel) ?? []);

/** What is wrong with the declaration itself; null: nothing. */
export function problemWithExpected({ kind, sites, reason }: ExpectedFinding): string | null {
  const most = kind === 'race' ? 2 : kind === 'error' || kind === 'invariant' ? 1 : 0;
  if (sites.length > most || (kind === 'race' && sites.length !== 2))
    return `a finding of kind '${kind}' has ${kind === 'race' ? 'two sites' : most === 0 ? 'no sites' : 'at most one site'}, not ${sites.length}`;
  if (sites.some(({ original, line, text }) => original === undefined && line === undefined && text === undefined))
    return "a site needs 'original', 'line' or 'text' beside its function";
  return reason.trim() === '' ? 'it needs a reason' : null;
}
