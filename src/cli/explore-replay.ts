import { SHORT_OP_NAMES } from './describe-capture.js';
import type { ReportedDiscovery } from './explore-confirm.js';
import type { TargetDescription } from './explore-target.js';
import { shellWord } from './format.js';

/** Longer words cannot be given to a program. Source: Linux, MAX_ARG_STRLEN. */
const MOST_TOKEN = 100_000;

/** The schedule to show a discovery with: the smaller one, if there is one that a command line can hold. */
export const bestSchedule = ({ minimal, schedule }: ReportedDiscovery): string =>
  minimal !== null && minimal.schedule.length <= MOST_TOKEN ? minimal.schedule : schedule;

/** The command that shows a discovery again. */
export function replayCommand({ name, op, generated }: TargetDescription, discovery: ReportedDiscovery): string {
  const schedule = `--schedule ${shellWord(bestSchedule(discovery))}`;
  const words =
    generated === null
      ? shellWord(name)
      : `${SHORT_OP_NAMES[op]}${generated.args === '{}' ? '' : ` --args ${shellWord(generated.args)}`}`;
  const inputs = generated === null || generated.inputs === 0 ? '' : `${generated.inputs}`;
  switch (discovery.problem.kind) {
    case 'race':
    case 'barrier reuse':
    case 'invariant':
    case 'budget':
      // Only this command has the checkers, and this limit.
      return `simtwin explore ${words}${inputs === '' ? '' : ` --inputs ${inputs}`} ${schedule}`;
    case 'deadlock':
    case 'livelock':
    case 'error':
      if (generated === null) return `simtwin debug ${words} ${schedule}`;
      break;
    case 'wrong output':
    case 'schedule-dependent output':
      if (generated === null) return `simtwin replay ${words} ${schedule} --mode step`;
      break;
    default:
      return discovery.problem satisfies never;
  }
  return `simtwin run ${words}${inputs === '' ? '' : ` --seed ${inputs}`} ${schedule} --mode step`;
}
