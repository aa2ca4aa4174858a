import type { Problem } from '../index.js';
import type { ReportedDiscovery } from './explore-confirm.js';
import { MAX_STEPS } from './explore-search.js';
import type { TargetDescription } from './explore-target.js';
import { printable } from './format.js';

/**
 * A file of vitest with one test, which fails as long as the discovery is there. Paths are those of the command line. The
 * schedule is not the smaller one: picks fit one program alone, and the test is to pass once that is mended.
 */
export function testText(target: TargetDescription, discovery: ReportedDiscovery): string {
  const { name, op, generated } = target;
  const { names, lines } = bodyOf(target, discovery);
  const source = generated === null ? 'readCapture' : 'generateCapture';
  const imports = [...names, source, 'setUpCall'].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  const args = generated === null ? quoted(name) : `${quoted(op)}, ${literalOf(generated.args)}, ${generated.inputs}`;
  return [
    `import { ${imports.join(', ')} } from 'simtwin';`,
    `import { expect, test } from 'vitest';`,
    '',
    `test(${quoted(`${name}: ${expectation(discovery.problem)}`)}, () => {`,
    `  const capture = ${source}(${args});`,
    ...lines.map((line) => `  ${line}`),
    '});',
    '',
  ].join('\n');
}

interface Body {
  /** What it needs of simtwin. */
  readonly names: readonly string[];
  readonly lines: readonly string[];
}

function bodyOf({ name, compared }: TargetDescription, { problem, schedule }: ReportedDiscovery): Body {
  const label = quoted(name);
  const setUp = (options = ''): readonly string[] => [
    `const schedule = ${quoted(schedule)};`,
    `const call = setUpCall(capture, { mode: 'step', schedule${options} }, ${label});`,
  ];
  const completes = `expect(call.machine.run().verdict).toBe('completes');`;
  switch (problem.kind) {
    case 'race':
    case 'barrier reuse':
    case 'invariant': {
      const checker = problem.kind === 'invariant' ? 'InvariantChecker' : 'RaceChecker';
      return {
        names: [checker],
        lines: [
          `const checker = new ${checker}();`,
          ...setUp(', step: { observer: checker }'),
          'call.machine.run();',
          `expect(checker.findings.filter(({ kind }) => kind === ${quoted(problem.kind)})).toEqual([]);`,
        ],
      };
    }
    case 'wrong output': {
      if (compared === 'hang')
        return { names: [], lines: [...setUp(), `expect(call.machine.run().verdict).not.toBe('completes');`] };
      const [compare, args] =
        compared === 'reference' ? ['checkAgainstReference', 'capture, call'] : ['compareCall', 'call'];
      return {
        names: [compare],
        lines: [...setUp(), completes, `expect(${compare}(${args}).firstDifference).toBeNull();`],
      };
    }
    case 'schedule-dependent output': {
      const isReference = compared === 'reference';
      return {
        names: isReference ? ['expectedByReference'] : [],
        lines: [
          'const outputOf = (schedule: string) => {',
          `  const call = setUpCall(capture, { mode: 'step', schedule }, ${label});`,
          `  ${completes}`,
          `  const regions = ${isReference ? 'expectedByReference(capture, call)' : 'call.expected()'};`,
          '  return Array.from(regions, ({ tensor, allocation, offsetBytes, bytes }) => ({',
          '    tensor,',
          '    output: allocation.u8.slice(offsetBytes, offsetBytes + bytes.length),',
          '  }));',
          '};',
          `expect(outputOf(${quoted(schedule)})).toEqual(outputOf(${quoted(problem.other)}));`,
        ],
      };
    }
    case 'budget':
      return { names: [], lines: [...setUp(`, limits: { maxSteps: ${MAX_STEPS} }`), completes] };
    case 'deadlock':
    case 'livelock':
    case 'error':
      return { names: [], lines: [...setUp(), completes] };
    default:
      return problem satisfies never;
  }
}

/** What ought to be the case. */
function expectation(problem: Problem): string {
  switch (problem.kind) {
    case 'race':
      return `no data race on ${problem.space} memory`;
    case 'barrier reuse':
      return `barrier ${problem.id} is not used again too soon`;
    case 'invariant':
      return `${problem.name} holds`;
    case 'deadlock':
    case 'livelock':
      return `no ${problem.kind}`;
    case 'error':
      return `no ${problem.code}`;
    case 'wrong output':
      return 'the output is right';
    case 'schedule-dependent output':
      return 'the output does not depend on the schedule';
    case 'budget':
      return 'it ends';
    default:
      return problem satisfies never;
  }
}

/** A string literal of TypeScript. */
const quoted = (text: string): string => `'${printable(text.replace(/[\\']/g, '\\$&'))}'`;

/** A literal of a JSON text, on one line: `{ ep_size: 2 }`. */
const literalOf = (json: string): string =>
  json.replace(/"([a-z_]+)":/g, ' $1: ').replace(/}$/, json === '{}' ? '}' : ' }');
