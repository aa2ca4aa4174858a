import type { DebugProtocol } from '@vscode/debugprotocol';
import { type Explanation, explainHang, formatExplanation } from '../explain/index.js';
import type { Outcome } from '../simt/index.js';
import type { Debuggee, Words } from './host.js';

export type ExceptionFilter = 'hang' | 'error';

export const EXCEPTION_FILTERS: readonly (DebugProtocol.ExceptionBreakpointsFilter & {
  readonly filter: ExceptionFilter;
})[] = [
  {
    filter: 'hang',
    label: 'Hangs',
    description: 'Stops at a deadlock, a livelock, or when a limit of steps ends the run.',
    default: true,
  },
  { filter: 'error', label: 'Errors', description: 'Stops at an error of the simulated program.', default: true },
];

/** How a run has ended, for the client. */
export interface Ended {
  /** Null: it has completed. */
  readonly filter: ExceptionFilter | null;
  /** `deadlock`. */
  readonly verdict: Outcome['verdict'];
  /** One line. */
  readonly summary: string;
  /** All that there is to say, in lines. */
  readonly text: string;
  readonly cause: string | null;
  readonly advice: string | null;
  /** Of a hang. */
  readonly explanation: Explanation | null;
}

/** Domain: the run of the session has ended. */
export function describeEnd({ session }: Debuggee, words: Words): Ended {
  const { outcome, machine } = session;
  const lines = words.end(session);
  const verdict = outcome!.verdict;
  const [first = verdict] = lines;
  if (verdict === 'completes' || verdict === 'error') {
    const filter = verdict === 'error' ? 'error' : null;
    return { filter, verdict, summary: first, text: lines.join('\n'), cause: null, advice: null, explanation: null };
  }
  const explanation = explainHang(machine);
  const { rootCause } = explanation;
  const text = formatExplanation(explanation, { beside: words.beside });
  return {
    filter: 'hang',
    verdict,
    summary: rootCause === null ? first : `${rootCause.cause}: ${rootCause.sentence}`,
    text: `${verdict === 'budget' ? lines.join('\n') : first}\n${text}`,
    cause: rootCause?.cause ?? null,
    advice: rootCause?.advice ?? null,
    explanation,
  };
}

export const exceptionInfo = ({
  verdict,
  summary,
  text,
  cause,
  advice,
}: Ended): DebugProtocol.ExceptionInfoResponse['body'] => ({
  exceptionId: verdict,
  description: advice === null ? summary : `${summary}\ndo: ${advice}`,
  breakMode: 'always',
  details: { message: summary, typeName: cause ?? verdict, fullTypeName: cause ?? verdict, stackTrace: text },
});
