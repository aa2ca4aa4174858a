import { useMemo, useState } from 'preact/hooks';
import type { ReportData } from '../report/report-data.js';
import { type Cursor, type Report, ReportContext, type SourcePlace } from './cursor.js';
import { Difference } from './difference.js';
import { Fifos } from './fifo.js';
import { Findings } from './findings.js';
import { WaitForGraph } from './graph.js';
import { Receipt } from './receipt.js';
import { Scrub } from './scrub.js';
import { Source } from './source.js';
import { Strip } from './strip.js';
import { Badge, Summary } from './summary.js';
import { baseName } from './text.js';
import { TimeModel } from './time-model.js';
import { WaitsNow } from './waits.js';

/** The page: every view of one run, and the cursor that they share. */
export function App({ data }: { data: ReportData }) {
  const model = useMemo(() => (data.timeline === null ? null : new TimeModel(data.timeline)), [data]);
  const steps = model?.steps ?? 0;
  const [cursor, setCursor] = useState<Cursor>({
    step: firstStepOf(data, steps),
    warp: null,
    place: null,
    span: { firstStep: 0, steps: Math.max(1, steps) },
  });
  const report: Report = {
    data,
    model,
    cursor,
    move: (change) => setCursor((before) => ({ ...before, ...change })),
    show: (place: SourcePlace) => {
      setCursor((before) => ({ ...before, place }));
      document.getElementById('source')?.scrollIntoView();
      document.querySelector<HTMLElement>('#source .code')?.focus({ preventScroll: true });
    },
  };
  const { summary, difference, graph, receipt } = data;
  const sections: readonly (readonly [id: string, title: string, isThere: boolean])[] = [
    ['summary', 'Summary', true],
    ['difference', 'First difference', difference !== null],
    ['waits', 'Wait-for graph', graph !== null],
    ['time', 'Time strip', true],
    ['now', 'Waits at a step', model !== null],
    ['fifos', 'FIFOs', (model?.timeline.fifos.length ?? 0) > 0],
    ['source', 'Source', data.sources.length > 0],
    ['findings', `Findings${data.checks.findings === null ? '' : ` (${data.checks.findings.length})`}`, true],
    ['fidelity', `Fidelity (${receipt.assumed.length} assumptions)`, true],
  ];
  return (
    <ReportContext.Provider value={report}>
      <header class="top">
        <div class="headline">
          <Badge summary={summary} />
          <h1 title={summary.file}>{baseName(summary.file)}</h1>
        </div>
        <nav aria-label="Sections">
          {sections.map(([id, title, isThere]) =>
            isThere ? (
              <a key={id} href={`#${id}`}>
                {title}
              </a>
            ) : null,
          )}
        </nav>
      </header>
      <main>
        <Summary />
        <Difference />
        <WaitForGraph />
        <Scrub />
        <Strip />
        <WaitsNow />
        <Fifos />
        <Source />
        <Findings />
        <Receipt />
      </main>
    </ReportContext.Provider>
  );
}

/** Where a reader begins: at the store that differs, at the end of a run that did not complete, or else in its middle. */
function firstStepOf({ difference, summary }: ReportData, steps: number): number {
  const writer = difference?.memory?.lastWriter ?? null;
  if (writer !== null && writer.mode === summary.mode) return Math.min(steps, writer.step);
  return summary.verdict === 'completes' ? Math.floor(steps / 2) : steps;
}
