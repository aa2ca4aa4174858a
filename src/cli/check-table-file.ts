import { readFileSync } from 'node:fs';
import { CaptureError, type ChannelTable, checkChannelTable, decodeChannelTable } from '../index.js';
import type { CaseReport } from './case-report.js';
import { EXIT_MATCH, EXIT_MISMATCH } from './exit-code.js';
import type { CliIo } from './io.js';
import { emptyReport, problemOf } from './run-case.js';

/** The two values of a row as the host code has them: an `int` and a `size_t`. */
const ROW_BYTES = 4 + 8;

/** Checks the channel table in a file against the ported host code. */
export function checkTableFile(path: string, name: string, reproduce: string, io: CliIo): CaseReport {
  const empty = emptyReport(path, name, reproduce);
  const startedAt = io.now();
  try {
    const table = readTable(path);
    const report = { ...empty, op: 'channel_table' as const, shape: shapeOf(table) };
    try {
      const differences = checkChannelTable(table);
      const [first] = differences;
      return {
        ...report,
        result: first === undefined ? 'match' : 'mismatch',
        verdict: 'completes',
        exitCode: first === undefined ? EXIT_MATCH : EXIT_MISMATCH,
        comparedBytes: table.rows.size * ROW_BYTES,
        differingBytes: differences.reduce((sum, { what }) => sum + (what === 'channel count' ? 4 : 8), 0),
        difference:
          first === undefined
            ? null
            : {
                tensor: `ep_size ${first.epSize}`,
                location: first.what,
                expected: first.expected,
                got: first.got,
                memory: null,
              },
        problem: first === undefined ? null : `values that differ: ${differences.length}`,
        wallMs: io.now() - startedAt,
      };
    } catch (error) {
      return { ...report, ...problemOf(error, path) };
    }
  } catch (error) {
    return { ...empty, ...problemOf(error, path) };
  }
}

function readTable(path: string): ChannelTable {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CaptureError(path, null, `cannot be read (${code})`);
  }
  return decodeChannelTable(bytes, path);
}

const shapeOf = ({ maxUsableSmCount, rows }: ChannelTable): string => `${maxUsableSmCount} SMs, ${rows.size} sizes`;
