import type { ReportSummary } from '../report/report-data.js';
import { useReport } from './cursor.js';
import { Command, Section } from './parts.js';
import { counted, formatBytes, formatCount } from './text.js';

const VERDICTS = {
  completes: 'completes',
  deadlock: 'deadlock: under no schedule can it ever go on',
  livelock: 'livelock: it runs for ever, and only counters move',
  error: 'error of the kernel',
  budget: 'a limit was reached; whether it ends is not known',
} as const;

const RESULTS = {
  match: 'match: it ended as on the GPU, and no compared byte differs',
  mismatch: 'mismatch: it ended otherwise than on the GPU, or bytes differ',
  error: 'error: it came to nothing that could be compared',
} as const;

/** How it ended and how that compares, in a word or two: what stands in the head of the page. */
export function Badge({ summary: { result, verdict } }: { summary: ReportSummary }) {
  const style = result === 'match' ? 'good' : 'bad';
  return (
    <span class={`badge ${style}`}>
      {result === 'error' && verdict !== null ? verdict : result}
      {result !== 'error' && verdict !== null ? ` · ${verdict}` : ''}
    </span>
  );
}

export function Summary() {
  const { data } = useReport();
  const { summary, graph, difference } = data;
  const { bytes, result, problem, verdict } = summary;
  const cause = graph?.rootCause ?? null;
  const facts: [string, string][] = [
    ['operation', `${summary.op}, ${summary.shape}`],
    ['result', RESULTS[result]],
    ['verdict', verdict === null ? 'it did not run' : VERDICTS[verdict]],
    [
      'compared',
      `${formatBytes(bytes.compared)}, ${bytes.differing === 0 ? 'no byte differs' : `${bytes.differing === 1 ? '1 byte differs' : `${formatCount(bytes.differing)} bytes differ`}`}`,
    ],
  ];
  if (bytes.undefined > 0) facts.push(['left out', `${counted(bytes.undefined, 'byte')}, never defined`]);
  if (bytes.counters > 0) facts.push(['left out', `${counted(bytes.counters, 'byte')} that count for ever`]);
  facts.push(
    ['run', `${counted(summary.steps, 'step')}, ${counted(summary.threads, 'thread')}`],
    [
      'mode',
      summary.mode === null ? 'none' : `${summary.mode}${summary.modeReason === null ? '' : `: ${summary.modeReason}`}`,
    ],
    ['schedule', summary.schedule],
    ['simtwin', summary.version],
    ...summary.recordedBy.map(([label, text]): [string, string] => [label, text]),
  );
  return (
    <Section id="summary" title="Summary">
      {cause !== null ? (
        <div class={`callout ${result === 'match' ? 'fine' : ''}`}>
          <p>
            <strong>Root cause: {cause.cause}.</strong> {cause.sentence}.
          </p>
          <p>What to do: {cause.advice}.</p>
        </div>
      ) : difference !== null ? (
        <div class="callout">
          <p>
            <strong>First difference:</strong> {difference.tensor}, {difference.location}.
          </p>
        </div>
      ) : problem !== null ? (
        <div class="callout">
          {problem
            .split('\n')
            .slice(0, 12)
            .map((line, index) => (
              <p key={index}>{line}</p>
            ))}
        </div>
      ) : null}
      <div class="columns">
        <div>
          <dl class="facts">
            {facts.map(([label, text], index) => (
              <>
                <dt key={`${index} label`}>{label}</dt>
                <dd key={index}>{text}</dd>
              </>
            ))}
          </dl>
          <Digests digests={summary.digests} />
        </div>
        <div>
          {summary.commands.map(([label, command]) => (
            <div key={label}>
              <div class="quiet">{label}</div>
              <Command label={label} command={command} />
            </div>
          ))}
        </div>
      </div>
    </Section>
  );
}

function Digests({ digests }: Pick<ReportSummary, 'digests'>) {
  return (
    <table>
      <caption class="quiet" style={{ textAlign: 'left', paddingTop: '8px' }}>
        SHA-256 of the tensors
      </caption>
      <tbody>
        {digests.map(({ name, tensors, bytes: size, sha256 }) => (
          <tr key={name}>
            <th scope="row" style={{ fontWeight: 400, whiteSpace: 'nowrap' }}>
              {name}
              <div class="quiet">
                {formatCount(tensors)}, {formatBytes(size)}
              </div>
            </th>
            <td class="mono" style={{ overflowWrap: 'anywhere' }}>
              {sha256 ?? 'none'}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
