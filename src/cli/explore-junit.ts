import { writeFileSync } from 'node:fs';
import type { Problem } from '../index.js';
import type { Exploration } from './explore-document.js';
import { judgeFindings } from './explore-expected.js';
import { replayCommand } from './explore-replay.js';
import { discoveryText } from './explore-report.js';
import { printable } from './format.js';
import { UsageError } from './usage-error.js';

/** What is looked for, a test case each. */
const CASES: readonly { readonly name: string; readonly kinds: readonly Problem['kind'][] }[] = [
  { name: 'data races', kinds: ['race'] },
  { name: 'barriers', kinds: ['barrier reuse'] },
  { name: 'invariants', kinds: ['invariant'] },
  { name: 'deadlock and livelock', kinds: ['deadlock', 'livelock', 'budget'] },
  { name: 'errors', kinds: ['error'] },
  { name: 'wrong output', kinds: ['wrong output'] },
  { name: 'schedule-dependent output', kinds: ['schedule-dependent output'] },
];

/**
 * A search as JUnit XML: a suite named by the call, a case for each thing that is looked for, a failure for each finding.
 * Shards that are missing are a case of their own, so that nobody takes silence for success.
 */
export function junitXml(exploration: Exploration, milliseconds: number): string {
  const { target, result, missingShards } = exploration;
  const { unexpected } = judgeFindings(exploration);
  const seconds = (milliseconds / 1000).toFixed(3);
  const cases = CASES.map(({ name, kinds }) => {
    const failures = unexpected
      .filter(({ problem }) => kinds.includes(problem.kind))
      .map((discovery) => {
        const [title, ...details] = discoveryText(discovery, result.runs);
        const text = [title, ...details, replayCommand(target, discovery)].join('\n');
        return `      <failure message="${attribute(title)}" type="${escaped(discovery.problem.kind)}">${escaped(text)}</failure>`;
      });
    return testcase(target.name, name, failures);
  });
  if (missingShards.length > 0) {
    const message = `missing: ${missingShards.join(', ')}`;
    cases.push(
      testcase(target.name, 'shards', [`      <failure message="${message}" type="shards">${message}</failure>`]),
    );
  }
  const failed = cases.filter(({ hasFailed }) => hasFailed).length;
  const counts = `tests="${cases.length}" failures="${failed}" errors="0" skipped="0" time="${seconds}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${attribute(target.name)}" ${counts}>`,
    ...cases.map(({ xml }) => xml),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function testcase(suite: string, name: string, failures: readonly string[]) {
  const start = `    <testcase classname="${attribute(suite)}" name="${attribute(name)}"`;
  const hasFailed = failures.length > 0;
  return { hasFailed, xml: hasFailed ? [`${start}>`, ...failures, '    </testcase>'].join('\n') : `${start}/>` };
}

/** Writes the file. @throws UsageError */
export function writeJunit(path: string, xml: string): void {
  try {
    writeFileSync(path, xml);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`--junit ${path}: it cannot be written (${code})`);
  }
}

/** Whether XML can hold a character at all. Source: XML 1.0, 2.2. */
function isXml(character: string): boolean {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return code === 0x09 || code === 0x0a || code === 0x0d;
  // Halves of surrogate pairs.
  return (code < 0xd800 || code > 0xdfff) && code !== 0xfffe && code !== 0xffff;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\r': '&#13;',
};

/** Text and attributes of XML. */
const escaped = (text: string): string =>
  Array.from(text, (character) => (isXml(character) ? (ENTITIES[character] ?? character) : '\ufffd')).join('');

/** The value of an attribute: on one line. */
const attribute = (text: string): string => escaped(printable(text));
