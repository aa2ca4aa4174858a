import { useMemo } from 'preact/hooks';
import { useReport } from './cursor.js';
import { Place, Section } from './parts.js';
import { counted, formatCount } from './text.js';
import type { TimeModel } from './time-model.js';

const MOST_GROUPS = 12;

/** Warps that wait for the same at the same place. */
interface Group {
  readonly wait: number;
  readonly warps: number[];
  readonly ranks: Set<number>;
}

/** Who waits at the cursor's step, and when that ends. */
export function WaitsNow() {
  const { model } = useReport();
  return model === null ? null : (
    <Section id="now" title="Who waits at this step">
      <Groups model={model} />
    </Section>
  );
}

function Groups({ model }: { model: TimeModel }) {
  const { cursor, move } = useReport();
  const groups = useMemo(() => groupsAt(model, cursor.step), [model, cursor.step]);
  if (groups.length === 0) return <p class="quiet">Nobody waits at step {formatCount(cursor.step)}.</p>;
  return (
    <div class="scroll">
      <table>
        <caption class="quiet">
          {counted(groups.length, 'group')} of warps at step {formatCount(cursor.step)}
          {groups.length > MOST_GROUPS ? `; the ${MOST_GROUPS} largest` : ''}
        </caption>
        <thead>
          <tr>
            <th scope="col" class="number">
              warps
            </th>
            <th scope="col">of</th>
            <th scope="col">waits</th>
            <th scope="col">at</th>
            <th scope="col" class="number">
              since
            </th>
            <th scope="col">until</th>
          </tr>
        </thead>
        <tbody>
          {groups.slice(0, MOST_GROUPS).map(({ wait, warps, ranks }) => {
            const { waits } = model.timeline;
            const place = model.placeOf(waits.site[wait]!);
            const { rank, block, warp } = model.nameOf(warps[0]!);
            const until = model.waitEnd[wait]!;
            return (
              <tr key={wait}>
                <td class="number">{formatCount(warps.length)}</td>
                <td>
                  <button type="button" class="plain" onClick={() => move({ warp: warps[0]! })}>
                    rank {rank} block {block} warp {warp}
                  </button>
                  {warps.length === 1 ? '' : ranks.size === 1 ? ' and like it' : `, of ${ranks.size} ranks`}
                </td>
                <td>{model.describeWait(wait)}</td>
                <td>{place === null ? '' : <Place file={place.file} line={place.line} />}</td>
                <td class="number">{formatCount(waits.startStep[wait]!)}</td>
                <td>
                  {Number.isFinite(until) ? (
                    <>
                      <button type="button" class="plain" onClick={() => move({ step: until })}>
                        {formatCount(until)}
                      </button>
                      <ReleasedBy model={model} wait={wait} />
                    </>
                  ) : (
                    'the end of the run'
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** Who ends a wait: the store that the poll sees, or the warp that comes to the barrier last. */
function ReleasedBy({ model, wait }: { model: TimeModel; wait: number }) {
  const by = useMemo(() => model.releaseOf(wait), [model, wait]);
  if (by === null) return null;
  const { rank, block, warp } = model.nameOf(by.warp);
  const place = model.placeOf(by.site);
  return (
    <span>
      , by rank {rank} block {block} warp {warp}
      {place === null ? null : (
        <>
          {' '}
          at <Place file={place.file} line={place.line} />
        </>
      )}
    </span>
  );
}

/** The largest first. */
function groupsAt(model: TimeModel, step: number): Group[] {
  const { waits } = model.timeline;
  const groups = new Map<string, Group>();
  for (const warp of model.rows) {
    if (step >= model.exitStep[warp]!) continue;
    const wait = model.waitAt(warp, step);
    if (wait < 0) continue;
    const key = `${waits.kind[wait]} ${waits.subject[wait]} ${waits.site[wait]}`;
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { wait, warps: [warp], ranks: new Set([model.rankOf(warp)]) });
    else {
      known.warps.push(warp);
      known.ranks.add(model.rankOf(warp));
    }
  }
  return [...groups.values()].sort((a, b) => b.warps.length - a.warps.length);
}
