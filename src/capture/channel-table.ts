import { CaptureError, quote } from './capture-error.js';
import { describe, type JsonValue, membersOf, parseJsonObject } from './json.js';

/** The channel counts and workspace sizes that the host code computes under one limit of SMs. */
export interface ChannelTable {
  /** > 0. */
  readonly maxUsableSmCount: number;
  /** By ep_size, which is > 0; ascending. */
  readonly rows: ReadonlyMap<number, ChannelTableRow>;
}

/** What the host code computes for one ep_size. */
export interface ChannelTableRow {
  /** > 0. */
  readonly channelCount: number;
  /** > 0. */
  readonly workspaceBytesPerRank: number;
}

const LIMIT_NAME = 'max_usable_sm_count';
const ROWS_NAME = 'ep_size -> [channel_count, workspace_bytes_per_rank]';

/**
 * Reads one JSON table of channels/, which has two members: `max_usable_sm_count`, and under
 * `ep_size -> [channel_count, workspace_bytes_per_rank]` an object from the one to the other.
 *
 * @param file the name of the file, for errors
 * @throws CaptureError if `bytes` is anything else than such a table
 */
export function decodeChannelTable(bytes: Uint8Array, file: string): ChannelTable {
  const members = new Map(parseJsonObject(decodeText(bytes, file), file, 'the channel table'));
  const maxUsableSmCount = members.get(LIMIT_NAME);
  if (!isPositiveInteger(maxUsableSmCount)) {
    throw new CaptureError(file, null, `${LIMIT_NAME} must be an integer > 0, but is ${describe(maxUsableSmCount)}`);
  }
  const entries = membersOf(members.get(ROWS_NAME));
  if (entries === null) {
    const problem = `${quote(ROWS_NAME)} must be an object, but is ${describe(members.get(ROWS_NAME))}`;
    throw new CaptureError(file, null, problem);
  }
  members.delete(LIMIT_NAME);
  members.delete(ROWS_NAME);
  for (const name of members.keys()) {
    throw new CaptureError(file, null, `${quote(name)} does not belong in a channel table`);
  }

  const rows = new Map<number, ChannelTableRow>();
  for (const [name, value] of entries) {
    rows.set(readEpSize(name, file), readRow(name, value, file));
  }
  return { maxUsableSmCount, rows };
}

function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CaptureError(file, null, 'the channel table is not UTF-8');
  }
}

function readEpSize(name: string, file: string): number {
  const epSize = Number(name);
  if (!isPositiveInteger(epSize) || String(epSize) !== name) {
    throw new CaptureError(file, null, `the ep_size of a row must be an integer > 0, but is ${quote(name)}`);
  }
  return epSize;
}

function readRow(name: string, value: JsonValue, file: string): ChannelTableRow {
  const [channelCount, workspaceBytesPerRank] = Array.isArray(value) && value.length === 2 ? value : [];
  if (!isPositiveInteger(channelCount) || !isPositiveInteger(workspaceBytesPerRank)) {
    const found = Array.isArray(value) ? `[${value.slice(0, 4).map(describe).join(', ')}]` : describe(value);
    const problem = `the row of ep_size ${name} must be [channel_count, workspace_bytes_per_rank], two integers > 0, but is ${found}`;
    throw new CaptureError(file, null, problem);
  }
  return { channelCount, workspaceBytesPerRank };
}

function isPositiveInteger(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}
