/** `12,345`. */
export const formatCount = (count: number): string => String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');

/** At most eight characters: `987 B`, `1.23 MiB`, `1023 KiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${units[unit]}`;
}

/** Seconds: `0.12 s`, `12.3 s`, `123 s`. */
export function formatSeconds(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  return `${seconds.toFixed(seconds < 9.995 ? 2 : seconds < 99.95 ? 1 : 0)} s`;
}

/** A rate: `850/s`, `85.0 k/s`, `1.2 M/s`. */
export function formatRate(count: number, milliseconds: number): string {
  if (milliseconds <= 0) return '-/s';
  const rate = (count / milliseconds) * 1000;
  if (rate < 1000) return `${rate.toFixed(0)}/s`;
  return rate < 1e6 ? `${(rate / 1e3).toFixed(1)} k/s` : `${(rate / 1e6).toFixed(1)} M/s`;
}

/** `0x7f`, at least `digits` digits. */
export const formatHex = (value: number | bigint, digits = 1): string =>
  `0x${value.toString(16).padStart(digits, '0')}`;

/** `1 capture`, `2 captures`. */
export const counted = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;

/** Characters that would move the cursor, colour what follows or break the line. */
const CONTROL = /[\p{Cc}\u2028\u2029]/gu;

/** `text` with control characters escaped as in JavaScript, so that it stays one line and cannot command a terminal. */
export const printable = (text: string): string =>
  text.replace(CONTROL, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });

/** A word that a POSIX shell (since 2024, if there are control characters) reads as `text`. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (text.search(CONTROL) === -1) return `'${text.replaceAll("'", "'\\''")}'`;
  const octal = (character: string) =>
    [...new TextEncoder().encode(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  return `$'${text.replace(/[\\']/g, '\\$&').replace(CONTROL, octal)}'`;
}

/** `text` in at most `width` characters, the middle left out. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  if (width < 3) return text.slice(0, Math.max(0, width));
  const front = Math.ceil((width - 1) / 2);
  return `${text.slice(0, front)}…${text.slice(text.length - (width - 1 - front))}`;
}

/** `text` in lines of at most `width` characters, broken at spaces; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line: string | null = null;
  for (const word of text.split(' ')) {
    if (line === null) line = word;
    else if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line.trimEnd());
      line = word;
    }
  }
  return [...lines, line ?? ''];
}
