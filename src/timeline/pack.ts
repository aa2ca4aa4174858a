import type { Timeline } from './timeline.js';

const FORMAT = 'simt-timeline/1';

type Column = Int8Array | Uint8Array | Int16Array | Int32Array | Uint32Array | Float64Array;

/** Types that columns are packed as, the narrowest first. */
const TYPES = { i8: Int8Array, i16: Int16Array, i32: Int32Array, u32: Uint32Array, f64: Float64Array } as const;

/** Types that columns have in a {@link Timeline}. */
const GIVEN = { u8: Uint8Array, i32: Int32Array, f64: Float64Array } as const;

/** A column in JSON: what it was, what it is packed as, and its bytes, little-endian, in base64. */
interface PackedColumn {
  readonly given: keyof typeof GIVEN;
  readonly type: keyof typeof TYPES;
  readonly base64: string;
}

/** A timeline as JSON, with the columns of its tables in base64. {@link unpackTimeline} gives the same timeline again. */
export const packTimeline = (timeline: Timeline): string =>
  JSON.stringify({ format: FORMAT, ...timeline }, (_, value: unknown) =>
    ArrayBuffer.isView(value) ? packed(value as Column) : value,
  );

/** @throws RangeError if it is none that {@link packTimeline} has made */
export function unpackTimeline(text: string): Timeline {
  const { format, ...timeline } = JSON.parse(text, (_, value: unknown) =>
    isPacked(value) ? unpacked(value) : value,
  ) as Timeline & { readonly format?: unknown };
  if (format !== FORMAT) throw new RangeError(`no timeline: its format is ${String(format)}, not ${FORMAT}`);
  return timeline;
}

function packed(column: Column): PackedColumn {
  const given = (Object.keys(GIVEN) as (keyof typeof GIVEN)[]).find((name) => column instanceof GIVEN[name])!;
  const names = Object.keys(TYPES) as (keyof typeof TYPES)[];
  const type = names.find((name) => isSame(column, TYPES[name].from(column as ArrayLike<number>)))!;
  const bytes = new Uint8Array(TYPES[type].from(column as ArrayLike<number>).buffer);
  // In pieces: a call takes only so many arguments.
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += 3 * 8192)
    pieces.push(btoa(String.fromCharCode(...bytes.subarray(at, at + 3 * 8192))));
  return { given, type, base64: pieces.join('') };
}

function unpacked({ given, type, base64 }: PackedColumn): Column {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return GIVEN[given].from(new TYPES[type](bytes.buffer));
}

const isPacked = (value: unknown): value is PackedColumn =>
  typeof value === 'object' && value !== null && 'base64' in value && 'given' in value && 'type' in value;

function isSame(a: Column, b: Column): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
