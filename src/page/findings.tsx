import type { AccessReport, Finding } from '../check/index.js';
import { useReport } from './cursor.js';
import { Code } from './difference.js';
import { Place, Section } from './parts.js';
import { counted, formatHex } from './text.js';

/** What the checkers have found in this run. */
export function Findings() {
  const { findings, reason } = useReport().data.checks;
  return (
    <Section id="findings" title="Races, barriers and invariants">
      {findings === null ? (
        <p>Nobody looked: {reason}.</p>
      ) : findings.length === 0 ? (
        <p>
          This run has no data race by the order of the PTX memory model, no barrier that is used again too soon, and no
          write that breaks a declared invariant. Other schedules may: <code>simtwin explore</code> looks there.
        </p>
      ) : (
        findings.map((finding, index) => <One key={index} finding={finding} />)
      )}
    </Section>
  );
}

function One({ finding }: { finding: Finding }) {
  switch (finding.kind) {
    case 'race':
      return (
        <article class="finding">
          <h3>
            Data race on {finding.space} memory: {finding.word}
          </h3>
          <p class="quiet">
            {counted(finding.count, 'time')}, first at {formatHex(finding.address)}
            {finding.writesTheSame ? '; both write the same' : ''}
          </p>
          <div class="columns">
            <Access access={finding.first} label="One" />
            <Access access={finding.second} label="Other" />
          </div>
        </article>
      );
    case 'barrier reuse':
      return (
        <article class="finding">
          <h3>Barrier {finding.id} is used again too soon</h3>
          <p>
            {counted(finding.count, 'time')}: {threadName(finding.first)} comes to it while {threadName(finding.second)}{' '}
            of its last phase may still be there.
          </p>
        </article>
      );
    case 'invariant':
      return (
        <article class="finding">
          <h3>Broken invariant: {finding.name}</h3>
          <p>
            {`${finding.word} at ${formatHex(finding.address)}, ${counted(finding.count, 'time')}: wants ${finding.wants}; holds ${finding.holds}.`}
          </p>
          <Access access={finding.access} label="The first write that breaks it" />
        </article>
      );
    default:
      return finding satisfies never;
  }
}

const threadName = ({ rank, block, warp, lane }: Omit<AccessReport, 'operation' | 'frames'>): string =>
  `rank ${rank} block ${block} warp ${warp} lane ${lane}`;

function Access({ access, label }: { access: AccessReport; label: string }) {
  const [frame] = access.frames;
  return (
    <div>
      <div class="quiet">{label}</div>
      <div>
        <span class="mono">{access.operation}</span> of {threadName(access)}
      </div>
      {frame === undefined ? null : (
        <>
          <Place file={frame.file} line={frame.line} />
          <Code file={frame.file} line={frame.line} />
        </>
      )}
    </div>
  );
}
