import type { ReportDifference, ReportWriter } from '../report/report-data.js';
import { useReport } from './cursor.js';
import { Place, Section } from './parts.js';
import { counted, formatCount, formatHex } from './text.js';

export function Difference() {
  const { difference, summary } = useReport().data;
  if (difference === null) return null;
  const { tensor, location, memory } = difference;
  return (
    <Section id="difference" title="First difference">
      <p>
        <strong>{tensor}</strong>, {location}
        {memory === null
          ? ''
          : `; ${formatCount(summary.bytes.differing)} of ${counted(summary.bytes.compared, 'compared byte')} differ`}
      </p>
      <div class="columns">
        {memory === null ? <Values difference={difference} /> : <Bytes difference={difference} />}
        {memory === null ? null : (
          <div>
            <h3>Who wrote it last</h3>
            {memory.lastWriter === null ? (
              <p>No thread: the byte is as it was before the call.</p>
            ) : (
              <Writer writer={memory.lastWriter} />
            )}
          </div>
        )}
      </div>
    </Section>
  );
}

function Values({ difference: { expected, got } }: { difference: ReportDifference }) {
  return (
    <dl class="facts">
      <dt>expected</dt>
      <dd class="good">{formatCount(expected)}</dd>
      <dt>got</dt>
      <dd class="bad">{formatCount(got)}</dd>
    </dl>
  );
}

function Bytes({ difference: { expected, got, memory } }: { difference: ReportDifference }) {
  if (memory === null) return null;
  const { window, offsetBytes, address, element } = memory;
  const marked = offsetBytes - window.offsetBytes;
  const cells = (bytes: readonly (number | null)[], style: string) =>
    bytes.map((byte, index) => (
      <td key={index} class={`mono ${index === marked ? `${style} marked` : ''}`}>
        {byte === null ? '..' : byte.toString(16).padStart(2, '0')}
      </td>
    ));
  return (
    <div>
      <dl class="facts">
        <dt>byte</dt>
        <dd>
          {formatCount(offsetBytes)} <span class="quiet">(address {formatHex(address)})</span>
        </dd>
        <dt>expected</dt>
        <dd>
          <span class="mono good">{formatHex(expected, 2)}</span>
          {element === null ? '' : ` of ${element.expected}`}
        </dd>
        <dt>got</dt>
        <dd>
          <span class="mono bad">{formatHex(got, 2)}</span>
          {element === null ? '' : ` of ${element.got}`}
        </dd>
      </dl>
      <div class="scroll">
        <table class="window">
          <caption class="quiet">
            Bytes {formatCount(window.offsetBytes)} to {formatCount(window.offsetBytes + window.expected.length - 1)}
          </caption>
          <tbody>
            <tr>
              <th scope="row">expected</th>
              {cells(window.expected, 'good')}
            </tr>
            <tr>
              <th scope="row">got</th>
              {cells(window.got, 'bad')}
            </tr>
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Writer({ writer }: { writer: ReportWriter }) {
  const { data, move } = useReport();
  const { mode, step, thread, kernel, operation, frames, otherByte } = writer;
  const isThisRun = mode === data.summary.mode;
  return (
    <>
      <p>
        {thread}, {kernel}
        {operation === '' ? '' : ': '}
        <span class="mono">{operation}</span>, in step{' '}
        {isThisRun && data.timeline !== null ? (
          <button type="button" class="plain" onClick={() => move({ step })}>
            {formatCount(step)}
          </button>
        ) : (
          `${formatCount(step)} of a run in mode ${mode}`
        )}
      </p>
      <ol class="frames">
        {frames.map(({ functionName, file, line }, index) => (
          <li key={index}>
            <Place file={file} line={line} /> <span class="quiet">{functionName}</span>
            {index === 0 ? <Code file={file} line={line} /> : null}
          </li>
        ))}
      </ol>
      {otherByte === null ? null : (
        <p class="warn">
          In that run the byte is {formatHex(otherByte, 2)}: it depends on the order of the steps, which is another in
          each mode.
        </p>
      )}
    </>
  );
}

/** A line of source as it stands there. */
export function Code({ file, line }: { file: string; line: number }) {
  const text = useReport()
    .data.sources.find(({ path }) => path === file)
    ?.lines[line - 1]?.trim();
  return text === undefined ? null : <pre class="excerpt">{text}</pre>;
}
