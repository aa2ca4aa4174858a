import { readFileSync } from 'node:fs';
import {
  type AccessPair,
  EMPTY_RESULT,
  type ExpectedFinding,
  type PlainResult,
  plainResult,
  resultOfPlain,
  type SchedulePart,
  type SearchResult,
} from '../index.js';
import type { Findings, ReportedDiscovery } from './explore-confirm.js';
import { type CoverageJson, coverageOf } from './explore-coverage.js';
import { judgeFindings } from './explore-expected.js';
import type { SearchIdentity } from './explore-identity.js';
import type { SearchSettings } from './explore-options.js';
import { replayCommand } from './explore-replay.js';
import { MOST_SHARDS } from './explore-shard.js';
import type { TargetDescription } from './explore-target.js';
import { testText } from './explore-test-text.js';
import { UsageError } from './usage-error.js';

const FORMAT = 'simtwin-explore/1';

/** A search that is done, of all schedules or of a shard. Nothing in it depends on time or threads. */
export interface Exploration {
  readonly target: TargetDescription;
  readonly identity: SearchIdentity;
  readonly settings: SearchSettings;
  /** Null: it has all schedules. */
  readonly shard: SchedulePart | null;
  /** Of shards put together, those that are missing, from 1 on. */
  readonly missingShards: readonly number[];
  readonly result: SearchResult;
  readonly findings: Findings;
  /** What may be found: declared by the kernels or given from outside. */
  readonly expected: readonly ExpectedFinding[];
}

/** What `--json` prints, and `merge` reads. */
interface ExplorationJson {
  readonly format: typeof FORMAT;
  readonly version: string;
  readonly target: string;
  readonly op: string;
  readonly shape: string;
  readonly generated: TargetDescription['generated'];
  readonly compared: TargetDescription['compared'];
  readonly digests: Pick<SearchIdentity, 'capture' | 'kernels'>;
  readonly options: SearchSettings;
  /** Counts from 1. */
  readonly shard: { readonly index: number; readonly count: number } | null;
  readonly missingShards?: readonly number[];
  readonly runs: number;
  readonly steps: number;
  readonly verdicts: PlainResult['verdicts'];
  readonly outputs: readonly (PlainResult['outputs'][number] & { readonly isRepeatable?: boolean })[];
  readonly coverage: CoverageJson;
  /** Of shards, so that they can be put together. */
  readonly pairs?: readonly AccessPair[];
  readonly expected?: readonly ExpectedFinding[];
  readonly expectedNotSeen?: readonly ExpectedFinding[];
  readonly discoveries: readonly (ReportedDiscovery & {
    /** Why it is expected; absent: it is not. */
    readonly expected?: string;
    readonly command: string;
    readonly test: string;
  })[];
}

/** The text of an exploration: equal ones give equal texts. */
export function formatExploration(exploration: Exploration): string {
  const { target, identity, settings, shard, missingShards, result, findings, expected } = exploration;
  const judged = judgeFindings(exploration);
  const reasons = new Map(judged.expected.map(({ discovery, reason }) => [discovery, reason]));
  const { runs, steps, verdicts, outputs, pairs } = plainResult(result);
  const json: ExplorationJson = {
    format: FORMAT,
    version: identity.version,
    target: target.name,
    op: target.op,
    shape: target.shape,
    generated: target.generated,
    compared: target.compared,
    digests: { capture: identity.capture, kernels: identity.kernels },
    options: settings,
    shard: shard === null ? null : { index: shard.index + 1, count: shard.count },
    ...(missingShards.length === 0 ? {} : { missingShards }),
    runs,
    steps,
    verdicts,
    // Of shards, so that those who put them together need not run anything.
    outputs: outputs.map((output) => {
      const isRepeatable = shard === null ? undefined : findings.repeatable.get(output.hash);
      return isRepeatable === undefined ? output : { ...output, isRepeatable };
    }),
    coverage: coverageOf(pairs),
    ...(shard === null ? {} : { pairs }),
    ...(expected.length === 0 ? {} : { expected, expectedNotSeen: judged.notSeen }),
    discoveries: findings.discoveries.map((discovery) => ({
      ...discovery,
      ...(reasons.has(discovery) ? { expected: reasons.get(discovery)! } : {}),
      command: replayCommand(target, discovery),
      test: testText(target, discovery),
    })),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** Reads what `explore --json` has printed. @throws UsageError */
export function readExploration(path: string): Exploration {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageError(`${path} cannot be read (${code})`);
  }
  const json = parse(text);
  if (json === null)
    throw new UsageError(
      `${path} is not what 'simtwin explore --shard I/N --json' prints, or not of this version of simtwin`,
    );
  const { version, target: name, op, shape, generated, compared, digests, options, shard } = json;
  return {
    target: { name, op, shape, generated, compared } as TargetDescription,
    identity: { version, op, ...digests } as SearchIdentity,
    settings: options,
    shard: shard === null ? null : { index: shard.index - 1, count: shard.count },
    missingShards: json.missingShards ?? [],
    expected: json.expected ?? [],
    result: resultOf(json),
    findings: {
      // The dependence on the schedule is found anew, of all outputs.
      discoveries: json.discoveries.map(withoutTexts),
      repeatable: new Map(
        json.outputs.flatMap(({ hash, isRepeatable }) => (isRepeatable === undefined ? [] : [[hash, isRepeatable]])),
      ),
    },
  };
}

const withoutTexts = ({
  command,
  test,
  expected,
  ...discovery
}: ExplorationJson['discoveries'][number]): ReportedDiscovery => discovery;

function resultOf({ runs, steps, verdicts, outputs, discoveries, pairs = [] }: ExplorationJson): SearchResult {
  const found = discoveries.filter(({ problem }) => problem.kind !== 'schedule-dependent output');
  const plain = found.map(({ command, test, expected, isRepeatable, minimal, smaller, ...discovery }) => discovery);
  return resultOfPlain({ runs, steps, verdicts, outputs, discoveries: plain, pairs });
}

function parse(text: string): ExplorationJson | null {
  try {
    const json = JSON.parse(text) as Partial<ExplorationJson> | null;
    if (json?.format !== FORMAT) return null;
    const { version, target, options, digests, shard, runs, steps, verdicts, outputs, discoveries, pairs } = json;
    const isWhole =
      typeof version === 'string' &&
      typeof target === 'string' &&
      isObject(options) &&
      isObject(digests) &&
      (shard === null || (isObject(shard) && isShard(shard))) &&
      Number.isSafeInteger(runs) &&
      Number.isSafeInteger(steps) &&
      isObject(verdicts) &&
      Object.keys(EMPTY_RESULT.verdicts).every((verdict) => Object.hasOwn(verdicts, verdict)) &&
      Array.isArray(outputs) &&
      (shard === null || Array.isArray(pairs)) &&
      Array.isArray(discoveries);
    return isWhole ? (json as ExplorationJson) : null;
  } catch {
    return null;
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const isShard = ({ index, count }: { readonly index: number; readonly count: number }): boolean =>
  Number.isSafeInteger(index) && Number.isSafeInteger(count) && index >= 1 && index <= count && count <= MOST_SHARDS;
