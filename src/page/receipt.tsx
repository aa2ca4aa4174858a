import type { FidelityEntry } from '../report/fidelity.js';
import { useReport } from './cursor.js';
import { Markdown, Section } from './parts.js';

/** What the result rests on. */
export function Receipt() {
  const { receipt } = useReport().data;
  const dropped = receipt.assumed.filter(({ droppedBy }) => droppedBy !== null);
  return (
    <Section id="fidelity" title="Fidelity receipt">
      <p>
        What simtwin does with this call is exact where it says <em>modelled</em>. The result may depend on what is{' '}
        <em>assumed</em>. It says nothing about what is <em>not modelled</em>.
      </p>
      {dropped.length === 0 ? null : (
        <p>
          The schedule drops{' '}
          {dropped.map(({ name, droppedBy }, index) => (
            <span key={name}>
              {index === 0 ? '' : ', '}
              <strong>{name}</strong> ({droppedBy})
            </span>
          ))}
          .
        </p>
      )}
      <Entries title="Modelled exactly, and in these kernels" entries={receipt.modelled} />
      <Entries
        title="Assumed"
        entries={receipt.assumed.map(({ name, text, droppedBy }) => ({
          name: droppedBy === null ? name : `${name} (dropped by ${droppedBy})`,
          text,
        }))}
      />
      <Entries title="Not modelled" entries={receipt.notModelled} />
      {receipt.unused.length === 0 ? null : (
        <Entries title="Modelled, but these kernels have none of it" entries={receipt.unused} />
      )}
    </Section>
  );
}

function Entries({ title, entries }: { title: string; entries: readonly FidelityEntry[] }) {
  return (
    <details>
      <summary>
        {title} <span class="quiet">({entries.length})</span>
      </summary>
      <dl class="facts receipt">
        {entries.map(({ name, text }) => (
          <>
            <dt key={`${name} label`}>
              <Markdown text={name} />
            </dt>
            <dd key={name}>
              <Markdown text={text} />
            </dd>
          </>
        ))}
      </dl>
    </details>
  );
}
