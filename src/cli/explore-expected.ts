import { readFileSync } from 'node:fs';
import { parseJsonObject } from '../capture/json.js';
import {
  CaptureError,
  EXPECTED_KINDS,
  type ExpectedFinding,
  type ExpectedSite,
  type JsonValue,
  type Problem,
  problemWithExpected,
  type SourceFrame,
} from '../index.js';
import type { ReportedDiscovery } from './explore-confirm.js';
import type { Exploration } from './explore-document.js';
import { originalLine } from './original-line.js';
import { readSourceLines } from './package-files.js';
import { UsageError } from './usage-error.js';

/** What a search has found, told apart by whether it was expected. */
export interface JudgedFindings {
  readonly unexpected: readonly ReportedDiscovery[];
  readonly expected: readonly { readonly discovery: ReportedDiscovery; readonly reason: string }[];
  /** What was expected and has not occurred; empty if the search does not have all of its schedules. */
  readonly notSeen: readonly ExpectedFinding[];
}

/** The first expectation that a problem meets is the one that it is told with. */
export function judgeFindings({
  expected,
  findings,
  result,
  settings,
  shard,
  missingShards,
}: Pick<Exploration, 'expected' | 'findings' | 'result' | 'settings' | 'shard' | 'missingShards'>): JudgedFindings {
  const unexpected: ReportedDiscovery[] = [];
  const met: JudgedFindings['expected'][number][] = [];
  const seen = new Set<ExpectedFinding>();
  for (const discovery of findings.discoveries) {
    const meeting = expected.filter((one) => isExpected(one, discovery.problem));
    for (const one of meeting) seen.add(one);
    const [first] = meeting;
    if (first === undefined) unexpected.push(discovery);
    else met.push({ discovery, reason: first.reason });
  }
  const isWhole = shard === null && missingShards.length === 0 && settings.schedule === null && result.runs > 0;
  return { unexpected, expected: met, notSeen: isWhole ? expected.filter((one) => !seen.has(one)) : [] };
}

/** Whether a problem is what is expected. */
export function isExpected({ kind, sites, name }: ExpectedFinding, problem: Problem): boolean {
  if (problem.kind !== kind) return false;
  const { given, stacks } = subjectOf(problem);
  if (name !== undefined && name !== given) return false;
  const [a, b] = sites;
  const [one, other] = stacks;
  if (a === undefined) return true;
  if (one === undefined) return false;
  if (b === undefined) return isAt(a, one);
  if (other === undefined) return false;
  return (isAt(a, one) && isAt(b, other)) || (isAt(a, other) && isAt(b, one));
}

/** What a problem is called, beside its kind, and where it is. */
function subjectOf(problem: Problem): {
  readonly given: string | null;
  readonly stacks: readonly (readonly SourceFrame[])[];
} {
  switch (problem.kind) {
    case 'race':
      return { given: null, stacks: [problem.first.frames, problem.second.frames] };
    case 'barrier reuse':
      return { given: String(problem.id), stacks: [] };
    case 'invariant':
      return { given: problem.name, stacks: [problem.access.frames] };
    case 'deadlock':
    case 'livelock':
      return { given: problem.cause, stacks: [] };
    case 'error':
      return { given: problem.code, stacks: [problem.site.frames] };
    case 'wrong output':
    case 'budget':
    case 'schedule-dependent output':
      return { given: null, stacks: [] };
    default:
      return problem satisfies never;
  }
}

const isAt = (site: ExpectedSite, stack: readonly SourceFrame[]): boolean =>
  stack.some(
    ({ functionName, file, line }) =>
      functionName === site.function &&
      (site.line === undefined || site.line === `${file}:${line}`) &&
      (site.original === undefined || originalLine(file, line) === site.original) &&
      (site.text === undefined || (readSourceLines(file)?.[line - 1]?.includes(site.text) ?? false)),
  );

/** `race: f at trtllm_alltoall.cuh:327, g at 'words.store(1, 1)'`. */
export function expectedText({ kind, name, sites }: ExpectedFinding): string {
  const places = sites.map(({ function: of, original, line, text }) =>
    [
      `${of} at`,
      ...[original, line].filter((given) => given !== undefined),
      ...(text === undefined ? [] : [`'${text}'`]),
    ].join(' '),
  );
  return [`${kind}${name === undefined ? '' : ` ${name}`}`, ...(places.length === 0 ? [] : [places.join(', ')])].join(
    ': ',
  );
}

// --- Expectations from outside

const KEYS = {
  file: ['expected'],
  finding: ['kind', 'sites', 'name', 'reason'],
  site: ['function', 'original', 'line', 'text'],
};

/** Reads `--expect FILE`. @throws UsageError that names the file and the key */
export function readExpected(path: string): readonly ExpectedFinding[] {
  const refuse = (what: string): never => {
    throw new UsageError(`--expect ${path}: ${what}`);
  };
  const members = (value: JsonValue | undefined, where: string, keys: readonly string[]) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return refuse(`${where} must be an object with ${keys.join(', ')}`);
    for (const key of Object.keys(value))
      if (!keys.includes(key)) refuse(`${where}: there is no key '${key}'; there are ${keys.join(', ')}`);
    return value as Readonly<Record<string, JsonValue>>;
  };
  const list = (value: JsonValue | undefined, where: string): readonly JsonValue[] =>
    Array.isArray(value) ? (value as readonly JsonValue[]) : refuse(`${where} must be a list`);
  const text = (value: JsonValue | undefined, where: string): string =>
    typeof value === 'string' ? value : refuse(`${where} must be a text`);
  const siteOf = (value: JsonValue, where: string): ExpectedSite => {
    const { function: of, ...rest } = members(value, where, KEYS.site);
    return {
      function: text(of, `${where}.function`),
      ...Object.fromEntries(Object.entries(rest).map(([key, given]) => [key, text(given, `${where}.${key}`)])),
    };
  };
  const file = members(readJson(path), 'the file', KEYS.file);
  return list(file.expected, 'expected').map((value, at) => {
    const where = `expected[${at}]`;
    const { kind, sites = [], name, reason } = members(value, where, KEYS.finding);
    const known = EXPECTED_KINDS.find((one) => one === kind);
    if (known === undefined) return refuse(`${where}.kind must be one of ${EXPECTED_KINDS.join(', ')}`);
    const finding: ExpectedFinding = {
      kind: known,
      sites: list(sites, `${where}.sites`).map((site, index) => siteOf(site, `${where}.sites[${index}]`)),
      ...(name === undefined ? {} : { name: text(name, `${where}.name`) }),
      reason: text(reason, `${where}.reason`),
    };
    const problem = problemWithExpected(finding);
    return problem === null ? finding : refuse(`${where}: ${problem}`);
  });
}

function readJson(path: string): JsonValue {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`--expect ${path}: it cannot be read (${code})`);
  }
  try {
    return Object.fromEntries(parseJsonObject(text, `--expect ${path}`, 'the text'));
  } catch (error) {
    if (error instanceof CaptureError) throw new UsageError(error.message);
    throw error;
  }
}
