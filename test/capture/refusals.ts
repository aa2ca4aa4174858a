import { expect, test } from 'vitest';
import { type Capture, CaptureError, decodeCapture } from '../../src/capture/index.js';
import { type Tampering, tamperedFile } from './samples.js';

/** How an error gives the range of a count that must not be zero. */
export const INT32 = 'from 1 to 2147483647';

/** A change to a sound file, and the sentence that must refuse the result. */
interface Refusal {
  readonly change: Tampering;
  readonly tensor?: string;
  readonly problem: string;
}

/** One test a case: `sample`, written and changed, must be refused with exactly that sentence. */
export function itRefuses(sample: Capture, cases: readonly Refusal[]): void {
  test.each(cases)('$tensor $problem', ({ change, tensor, problem }) => {
    const bytes = tamperedFile(sample, change);
    expect(() => decodeCapture(bytes, 'x.safetensors')).toThrow(
      new CaptureError('x.safetensors', tensor ?? null, problem),
    );
  });
}
