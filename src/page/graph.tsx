import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ReportEdge, ReportGraph, ReportNode } from '../report/graph.js';
import { useReport } from './cursor.js';
import { levelsOf } from './graph-layout.js';
import { Place, Scrolled, Section } from './parts.js';
import { counted } from './text.js';

export function WaitForGraph() {
  const { graph } = useReport().data;
  if (graph === null) return null;
  return (
    <Section id="waits" title="Who waits for what at the end">
      <Graph graph={graph} />
      {graph.alsoFound.length === 0 ? null : (
        <details>
          <summary>{counted(graph.alsoFound.length, 'more cause')}</summary>
          <ul>
            {graph.alsoFound.map(({ cause, sentence, advice }) => (
              <li key={sentence}>
                <strong>{cause}:</strong> {sentence}. What to do: {advice}.
              </li>
            ))}
          </ul>
        </details>
      )}
    </Section>
  );
}

interface Line {
  readonly edge: ReportEdge;
  readonly path: string;
  readonly tip: string;
}

function Graph({ graph }: { graph: ReportGraph }) {
  const { nodes, edges } = graph;
  const levels = useMemo(() => levelsOf(graph), [graph]);
  const [chosen, setChosen] = useState<number | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const [lines, setLines] = useState<readonly Line[]>([]);
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const measure = (): void => setLines(linesOf(element, edges));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [edges]);
  const goTo = (id: number): void => {
    setChosen(id);
    const card = frame.current?.querySelector<HTMLElement>(`[data-node="${id}"]`);
    card?.focus();
    card?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  };
  return (
    <>
      <p class="quiet">
        An arrow leads from who waits to whom it waits for; a dashed one, to somebody who could help and is not the only
        one.
      </p>
      <Scrolled label="Wait-for graph" style="">
        <div class="graph" ref={frame}>
          <svg aria-hidden="true">
            {lines.map(({ edge, path, tip }, index) => {
              const isChosen = chosen !== null && (edge.from === chosen || edge.to === chosen);
              return (
                <g key={index}>
                  <path d={path} class={`${edge.isNeeded ? '' : 'possible'} ${isChosen ? 'chosen' : ''}`} />
                  <polygon points={tip} />
                </g>
              );
            })}
          </svg>
          <div class="levels">
            {levels.map((ids, level) => (
              <div class="level" key={level}>
                {ids.map((id) => {
                  const node = nodes.find((one) => one.id === id)!;
                  return (
                    <Card
                      key={id}
                      node={node}
                      edges={edges.filter(({ from }) => from === id)}
                      isChosen={chosen === id}
                      choose={() => setChosen(id)}
                      goTo={goTo}
                    />
                  );
                })}
              </div>
            ))}
          </div>
        </div>
      </Scrolled>
    </>
  );
}

function Card({
  node,
  edges,
  isChosen,
  choose,
  goTo,
}: {
  node: ReportNode;
  edges: readonly ReportEdge[];
  isChosen: boolean;
  choose: () => void;
  goTo: (id: number) => void;
}) {
  const { id, title, lines, place } = node;
  return (
    <article
      class={`node ${isChosen ? 'chosen' : ''}`}
      data-node={id}
      tabIndex={-1}
      aria-label={`Node ${id}`}
      onFocusCapture={choose}
    >
      <p>
        <span class="quiet">[{id}]</span> <strong>{title}</strong>
      </p>
      {lines.slice(0, 5).map((text) => (
        <p key={text}>{text}</p>
      ))}
      {place === null ? null : (
        <p>
          <Place file={place.file} line={place.line} />
        </p>
      )}
      {edges.map((edge, index) => (
        <p key={index}>
          <button
            type="button"
            class="lead"
            onClick={() => goTo(edge.to)}
            aria-label={`From node ${id} to node ${edge.to}`}
          >
            → [{edge.to}]
          </button>{' '}
          {edge.why}
        </p>
      ))}
    </article>
  );
}

/** Curves between the cards as they lie, from right edge to left edge; backwards, round below all of them. */
function linesOf(frame: HTMLElement, edges: readonly ReportEdge[]): Line[] {
  const origin = frame.getBoundingClientRect();
  const boxOf = (id: number): DOMRect | undefined =>
    frame.querySelector(`[data-node="${id}"]`)?.getBoundingClientRect();
  let backwards = 0;
  return edges.flatMap((edge): Line[] => {
    const [from, to] = [boxOf(edge.from), boxOf(edge.to)];
    if (from === undefined || to === undefined) return [];
    if (to.left > from.right) {
      const [x, y] = [from.right - origin.left, from.top - origin.top + from.height / 2];
      const [tipX, tipY] = [to.left - origin.left, to.top - origin.top + to.height / 2];
      const reach = (tipX - x) / 2;
      const path = `M ${x} ${y} C ${x + reach} ${y}, ${tipX - reach} ${tipY}, ${tipX - 7} ${tipY}`;
      return [{ edge, path, tip: `${tipX},${tipY} ${tipX - 8},${tipY - 4} ${tipX - 8},${tipY + 4}` }];
    }
    // Lines beside each other, as far as there is room.
    const shift = 7 * (backwards++ % 4);
    const below = origin.height - 32 + shift;
    const x = from.left - origin.left + from.width * 0.75 - shift;
    const [tipX, tipY] = [to.left - origin.left + to.width * 0.25 + shift, to.bottom - origin.top];
    const path = `M ${x} ${from.bottom - origin.top} V ${below} H ${tipX} V ${tipY + 7}`;
    return [{ edge, path, tip: `${tipX},${tipY} ${tipX - 4},${tipY + 8} ${tipX + 4},${tipY + 8}` }];
  });
}
