import type { ComponentChildren, RefObject } from 'preact';
import { useState } from 'preact/hooks';
import { type SourcePlace, useReport } from './cursor.js';
import { baseName } from './text.js';

/** A section of the page, named by its heading. */
export function Section({ id, title, children }: { id: string; title: string; children: ComponentChildren }) {
  return (
    <section id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </section>
  );
}

/** A source line, which leads to it in the source view if that has it; the original's line beside it. */
export function Place({ file, line }: SourcePlace) {
  const { data, show } = useReport();
  const original = data.originals[`${file}:${line}`];
  const name = `${baseName(file)}:${line}`;
  return (
    <span class="mono">
      {data.sources.some(({ path }) => path === file) ? (
        <button type="button" class="plain" title={`${file}:${line}`} onClick={() => show({ file, line })}>
          {name}
        </button>
      ) : (
        name
      )}
      {original === undefined ? null : <span class="quiet"> {original}</span>}
    </span>
  );
}

/** Text of one line of Markdown: code spans are code, of links only their text is there. */
export function Markdown({ text }: { text: string }) {
  const parts = text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').split('`');
  return <>{parts.map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>;
}

/** A command of a shell, and a button that copies it. */
export function Command({ label, command }: { label: string; command: string }) {
  const [copied, setCopied] = useState<'' | 'copied' | 'not copied'>('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(command);
      setCopied('copied');
    } catch {
      setCopied('not copied');
    }
  };
  return (
    <div class="command">
      <code>{command}</code>
      <button type="button" onClick={copy} aria-label={`Copy the command: ${label}`}>
        {copied === '' ? 'Copy' : copied}
      </button>
    </div>
  );
}

/** A part that scrolls by itself, also by keys. */
export function Scrolled({ label, style, children, frame }: ScrolledProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so that keys must reach it
    <section class={`panel scroll ${style}`} aria-label={label} tabIndex={0} ref={frame ?? null}>
      {children}
    </section>
  );
}

interface ScrolledProps {
  readonly label: string;
  /** Class of its style. */
  readonly style: string;
  readonly children: ComponentChildren;
  readonly frame?: RefObject<HTMLElement>;
}
