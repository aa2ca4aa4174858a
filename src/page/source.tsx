import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { TimelineLine } from '../timeline/index.js';
import { useReport } from './cursor.js';
import { Scrolled, Section } from './parts.js';
import { baseName, formatCount } from './text.js';
import type { TimeModel } from './time-model.js';

const KINDS = [
  ['loads', 'loads'],
  ['stores', 'stores'],
  ['atomics', 'atomics'],
  ['fences', 'fences'],
  ['warpOperations', 'warp operations'],
  ['barriers', 'barriers'],
] as const;

/** The kernels' source with what threads have executed on each line, and who stands there at the cursor's step. */
export function Source() {
  const { data, model, cursor, show } = useReport();
  const { sources } = data;
  const counts = useMemo(() => countsByPlace(model), [model]);
  const totals = useMemo(() => totalsByFile(model), [model]);
  const standing = useMemo(
    () => (model === null ? new Map<string, number>() : standingAt(model, cursor.step)),
    [model, cursor.step],
  );
  const busiest = sources.reduce(
    (best, { path }) => ((totals.get(path) ?? 0) > (totals.get(best) ?? -1) ? path : best),
    sources[0]?.path ?? '',
  );
  const path = cursor.place?.file ?? busiest;
  const source = sources.find((one) => one.path === path);
  if (source === undefined) return null;
  return (
    <Section id="source" title="Source">
      <div class="controls">
        <label>
          file{' '}
          <select value={path} onChange={({ currentTarget }) => show({ file: currentTarget.value, line: 1 })}>
            {sources.map((one) => (
              <option key={one.path} value={one.path}>
                {one.path} ({formatCount(totals.get(one.path) ?? 0)})
              </option>
            ))}
          </select>
        </label>
        <span class="quiet">
          Operations that threads have executed on a line: accesses, atomics, fences, warp operations, barriers; no
          arithmetic.
        </span>
      </div>
      <Lines
        path={path}
        lines={source.lines}
        counts={counts}
        standing={standing}
        most={
          model === null ? 0 : Math.max(0, ...source.lines.map((_, at) => counts.get(`${path}:${at + 1}`)?.total ?? 0))
        }
      />
    </Section>
  );
}

function Lines({
  path,
  lines,
  counts,
  standing,
  most,
}: {
  path: string;
  lines: readonly string[];
  counts: ReadonlyMap<string, LineCount>;
  standing: ReadonlyMap<string, number>;
  most: number;
}) {
  const { data, cursor } = useReport();
  const frame = useRef<HTMLElement>(null);
  const line = cursor.place?.file === path ? cursor.place.line : null;
  const [busiest] = useState(() => {
    let best = 1;
    for (let at = 1; at <= lines.length; at++) {
      const own = counts.get(`${path}:${at}`)?.total ?? 0;
      if (own > (counts.get(`${path}:${best}`)?.total ?? 0)) best = at;
    }
    return best;
  });
  useEffect(() => {
    const element = frame.current;
    const row = element?.querySelector<HTMLElement>(`[data-line="${line ?? busiest}"]`);
    if (element != null && row != null) element.scrollTop = row.offsetTop - element.clientHeight / 2;
  }, [line, busiest]);
  return (
    <Scrolled label={`Source of ${path}`} style="code" frame={frame}>
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">
              line
            </th>
            <th scope="col">{baseName(Object.values(data.originals)[0]?.replace(/:.*$/, '') ?? 'original')}</th>
            <th scope="col" class="number">
              executed
            </th>
            <th scope="col" class="number">
              warps waiting
            </th>
            <th scope="col">text</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((text, index) => {
            const place = `${path}:${index + 1}`;
            const count = counts.get(place);
            const here = standing.get(place);
            return (
              <tr key={index} data-line={index + 1} class={line === index + 1 ? 'here' : ''}>
                <th scope="row" class="number quiet">
                  {index + 1}
                </th>
                <td class="quiet">{data.originals[place]?.replace(/^[^:]*:/, ':') ?? ''}</td>
                <td class="number" title={count?.text}>
                  {count === undefined ? (
                    ''
                  ) : (
                    <>
                      <span class="bar" style={{ width: `${Math.ceil((count.total / most) * 40)}px` }} />{' '}
                      {formatCount(count.total)}
                    </>
                  )}
                </td>
                <td class="number">{here === undefined ? '' : <mark>{formatCount(here)}</mark>}</td>
                <td>{text}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scrolled>
  );
}

interface LineCount {
  readonly total: number;
  /** `1,024 loads, 32 stores`. */
  readonly text: string;
}

function countsByPlace(model: TimeModel | null): ReadonlyMap<string, LineCount> {
  return new Map(
    (model?.timeline.lines ?? []).map((line) => [
      `${line.file}:${line.line}`,
      {
        total: totalOf(line),
        text: KINDS.filter(([kind]) => line[kind] > 0)
          .map(([kind, name]) => `${formatCount(line[kind])} ${name}`)
          .join(', '),
      },
    ]),
  );
}

function totalsByFile(model: TimeModel | null): ReadonlyMap<string, number> {
  const totals = new Map<string, number>();
  for (const line of model?.timeline.lines ?? []) totals.set(line.file, (totals.get(line.file) ?? 0) + totalOf(line));
  return totals;
}

const totalOf = (line: TimelineLine): number => KINDS.reduce((sum, [kind]) => sum + line[kind], 0);

/** Warps that wait at a step, by place. */
function standingAt(model: TimeModel, step: number): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const warp of model.rows) {
    if (step >= model.exitStep[warp]!) continue;
    const wait = model.waitAt(warp, step);
    const place = wait < 0 ? null : model.placeOf(model.timeline.waits.site[wait]!);
    if (place === null) continue;
    const key = `${place.file}:${place.line}`;
    found.set(key, (found.get(key) ?? 0) + 1);
  }
  return found;
}
