import { useReport } from './cursor.js';
import { formatCount } from './text.js';

/** The bar that moves the cursor of all views over the steps of the run. */
export function Scrub() {
  const { model, cursor, move } = useReport();
  if (model === null) return null;
  const { steps } = model;
  const go = (step: number): void => move({ step: Math.max(0, Math.min(steps, Math.round(step) || 0)) });
  return (
    <search class="scrub" aria-label="Steps of the run">
      <button type="button" onClick={() => go(0)} disabled={cursor.step === 0} aria-label="First step">
        «
      </button>
      <button type="button" onClick={() => go(cursor.step - 1)} disabled={cursor.step === 0} aria-label="Step back">
        ‹
      </button>
      <button
        type="button"
        onClick={() => go(cursor.step + 1)}
        disabled={cursor.step === steps}
        aria-label="Step forward"
      >
        ›
      </button>
      <button type="button" onClick={() => go(steps)} disabled={cursor.step === steps} aria-label="Last step">
        »
      </button>
      <input
        type="range"
        min={0}
        max={steps}
        step={1}
        value={cursor.step}
        aria-label="Step"
        onInput={({ currentTarget }) => go(currentTarget.valueAsNumber)}
      />
      <label>
        step
        <input
          type="number"
          min={0}
          max={steps}
          value={cursor.step}
          onChange={({ currentTarget }) => go(currentTarget.valueAsNumber)}
        />
      </label>
      <span class="quiet number">of {formatCount(steps)}</span>
    </search>
  );
}
