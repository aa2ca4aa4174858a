import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EngineHost, HangProof, Outcome } from '../../src/simt/index.js';
import { StepEngine } from '../../src/step/engine.js';
import { kernels } from '../equivalence/kernel-arbitrary.js';
import { load, run } from '../equivalence/run-modes.js';

/** Looks for a proof every few steps, and remembers those that it has found. */
class Proving extends StepEngine {
  readonly claims: HangProof[] = [];
  readonly #every: number;

  constructor(host: EngineHost, every: number) {
    super(host);
    this.#every = every;
  }

  override stepAt(index: number): void {
    super.stepAt(index);
    if (this.steps % this.#every !== 0 || this.readyCount === 0) return;
    const proof = this.proveHang();
    if (proof.verdict !== null) this.claims.push(proof);
  }
}

test('nothing is proven of random kernels, which all end', () => {
  fc.assert(
    fc.property(kernels(), fc.integer({ min: 1, max: 40 }), (c, every) => {
      const { kernel } = load(c);
      let engine: Proving | null = null;
      const { outcome }: { readonly outcome: Outcome } = run(kernel, c, () => (host) => {
        engine = new Proving(host, every);
        return engine;
      });
      expect(outcome.verdict).toBe('completes');
      expect(engine!.claims).toEqual([]);
    }),
    { seed: 77, numRuns: 60 },
  );
});
