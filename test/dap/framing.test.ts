import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frameOf, MessageReader, type Received } from '../../src/dap/index.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a reader makes of a stream, in chunks of these lengths. */
function read(text: string, lengths: readonly number[] = []): Received[] {
  const reader = new MessageReader();
  const bytes = encode(text);
  const received: Received[] = [];
  let at = 0;
  for (const length of [...lengths, bytes.length]) {
    received.push(...reader.push(bytes.subarray(at, at + length)));
    at += length;
  }
  return received;
}

const messages = (text: string, lengths?: readonly number[]) =>
  read(text, lengths).flatMap((item) => (item.kind === 'message' ? [item.message] : []));

test('messages arrive whole, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 4 }),
      fc.array(fc.nat(30), { maxLength: 20 }),
      (sent, lengths) => {
        const stream = sent.map((message) => frameOf(message)).join('');
        expect(messages(stream, lengths)).toEqual(JSON.parse(JSON.stringify(sent)));
      },
    ),
  );
});

test('whatever comes before it, a message is found', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.constantFrom('Content-Length: ', 'Content-Length: 7\r\n\r\n{', 'content-length:x\r\n\r\n', '\r\n\r\n'),
        fc.string().map((text) => `Content-Length: ${text}\r\n\r\n`),
      ),
      fc.array(fc.nat(30), { maxLength: 20 }),
      (garbage, lengths) => {
        // The second is there in case that a length takes the first one with it.
        const stream = `${garbage}${frameOf({ first: 1 })}${frameOf({ second: 2 })}`.padEnd(2000);
        expect(messages(stream, lengths).at(-1)).toEqual({ second: 2 });
      },
    ),
    { examples: [['Content-Length: 60\r\n\r\n', []]] },
  );
});

test.each([
  ['Content-Length: 3\r\n\r\n{]}', 'a message of 3 bytes is no JSON'],
  ['Content-Length: 2\r\n\r\n[]', 'a message is no object'],
  ['Content-Length: 4\r\n\r\nnull', 'a message is no object'],
  ['Content-Length: -1\r\n\r\n', "a Content-Length is '-1'; a length is a number up to 4194304"],
  ['Content-Length: 4194305\r\n\r\n', "a Content-Length is '4194305'; a length is a number up to 4194304"],
  [`Content-Length: 1${' '.repeat(5000)}`, 'a header of more than 4096 bytes has no end'],
])('%j is dropped', (stream, why) => expect(read(stream)).toEqual([{ kind: 'dropped', why }]));

test('other fields and another case of letters are as good', () => {
  expect(messages('Content-Type: x\r\nCONTENT-LENGTH:2\r\nX-Other: y\r\n\r\n{}')).toEqual([{}]);
});
