/** Most bytes of a message. Clients send a few hundred; what claims to be longer is no message. */
const MOST_BYTES = 4 * 2 ** 20;
/** Most bytes between a Content-Length and the empty line behind it. */
const MOST_HEADER_BYTES = 4096;

const FIELD = 'content-length:';
const CR = 13;
const LF = 10;

/** What a stream of messages has brought. */
export type Received =
  | { readonly kind: 'message'; readonly message: Readonly<Record<string, unknown>> }
  /** Something that cannot be answered. The next message is found nevertheless. */
  | { readonly kind: 'dropped'; readonly why: string };

/**
 * Finds the messages of the base protocol in a stream of bytes. What is broken costs as few messages as possible: bytes
 * that belong to none are skipped up to the next Content-Length, and the content of a message whose length is wrong is
 * looked through for one.
 */
export class MessageReader {
  #bytes = new Uint8Array(0);
  /** Bytes of the content that is awaited; -1: a header is. */
  #length = -1;

  *push(chunk: Uint8Array): Generator<Received> {
    const bytes = new Uint8Array(this.#bytes.length + chunk.length);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    this.#bytes = bytes;
    for (;;) {
      if (this.#length === -1) {
        const header = this.#takeHeader();
        if (header === 'more') return;
        if (header !== null) yield { kind: 'dropped', why: header };
      } else {
        if (this.#bytes.length < this.#length) return;
        const length = this.#length;
        const message = parse(new TextDecoder().decode(this.#bytes.subarray(0, length)));
        this.#length = -1;
        // A length that is too large has swallowed what came behind the message: that is looked for in it.
        if (message !== null) this.#bytes = this.#bytes.slice(length);
        if (message === null) yield { kind: 'dropped', why: `a message of ${length} bytes is no JSON` };
        else if (isObject(message.value)) yield { kind: 'message', message: message.value };
        else yield { kind: 'dropped', why: 'a message is no object' };
      }
    }
  }

  /** Takes a header. Null: there was one; 'more': it has not come yet; else what was wrong with what has been skipped. */
  #takeHeader(): 'more' | string | null {
    const at = indexOfField(this.#bytes);
    if (at === -1) {
      // Other fields may stand before it; only its own beginning can be of use later.
      const kept = Math.min(this.#bytes.length, FIELD.length - 1);
      this.#bytes = this.#bytes.slice(this.#bytes.length - kept);
      return 'more';
    }
    const end = endOfHeader(this.#bytes, at);
    if (end === -1) {
      if (this.#bytes.length - at <= MOST_HEADER_BYTES) return 'more';
      this.#bytes = this.#bytes.slice(at + FIELD.length);
      return `a header of more than ${MOST_HEADER_BYTES} bytes has no end`;
    }
    const [line = ''] = new TextDecoder().decode(this.#bytes.subarray(at + FIELD.length, end)).split('\r\n');
    const text = line.trim();
    const length = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(length <= MOST_BYTES)) {
      this.#bytes = this.#bytes.slice(at + FIELD.length);
      const limit = `a length is a number up to ${MOST_BYTES}`;
      return `a Content-Length is '${text.slice(0, 20)}'; ${limit}`;
    }
    this.#bytes = this.#bytes.slice(end);
    this.#length = length;
    return null;
  }
}

/** A message as it goes over the wire. */
export function frameOf(message: object): string {
  const json = JSON.stringify(message);
  return `Content-Length: ${new TextEncoder().encode(json).length}\r\n\r\n${json}`;
}

function parse(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where a Content-Length begins, in whatever case; -1: nowhere. */
function indexOfField(bytes: Uint8Array): number {
  for (let at = 0; at + FIELD.length <= bytes.length; at++) {
    let length = 0;
    while (length < FIELD.length && lowerCase(bytes[at + length]!) === FIELD.charCodeAt(length)) length++;
    if (length === FIELD.length) return at;
  }
  return -1;
}

const lowerCase = (byte: number): number => (byte >= 65 && byte <= 90 ? byte + 32 : byte);

/** Behind the empty line that ends a header; -1: it has not come. */
function endOfHeader(bytes: Uint8Array, from: number): number {
  for (let at = from; at + 4 <= bytes.length; at++) {
    if (bytes[at] === CR && bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at + 4;
  }
  return -1;
}
