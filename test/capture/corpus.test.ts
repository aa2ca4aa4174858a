import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { brotliDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decodeCapture, decodeChannelTable, decodeSafetensors, encodeCapture } from '../../src/capture/index.js';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
const files = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' }).sort();
const captures = files.filter((file) => file.endsWith('.safetensors.br'));
const channelTables = files.filter((file) => /channels-sm\d+\.json$/.test(file));

test('every recorded capture survives reading and writing, tensor by tensor', () => {
  expect(captures.length).toBeGreaterThan(0);
  for (const file of captures) {
    const original = brotliDecompressSync(readFileSync(join(FIXTURES, file)));
    const capture = decodeCapture(original, file);
    const written = encodeCapture(capture);
    expect(isDeepStrictEqual(decodeCapture(written, file), capture), file).toBe(true);
    const isEachTensorEqual = isDeepStrictEqual(
      decodeSafetensors(written, file).tensors,
      decodeSafetensors(original, file).tensors,
    );
    expect(isEachTensorEqual, file).toBe(true);
  }
});

test('every recorded channel table is read, named after its limit', () => {
  expect(channelTables.length).toBe(5);
  for (const file of channelTables) {
    const table = decodeChannelTable(readFileSync(join(FIXTURES, file)), file);
    expect(file).toContain(`channels-sm${table.maxUsableSmCount}.json`);
    expect(table.rows.size).toBeGreaterThan(0);
  }
});
