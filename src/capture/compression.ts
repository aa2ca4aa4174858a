import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from 'node:zlib';

/** A compressed file may grow to this many times its size, and by {@link FREE_BYTES} in any case. */
const MOST_GROWTH = 256;
const FREE_BYTES = 64 * 2 ** 20;
/** Brotli's largest window, 16 MiB: a call's bytes appear again in FIFO and output, megabytes later. */
const BROTLI_WINDOW_BITS = 24;

/**
 * The bytes of a file, decompressed if its name ends in `.br` (Brotli) or `.gz`.
 * @throws Error of zlib if the contents are damaged or grow beyond 256 times their size and 64 MiB.
 */
export function decompressByName(bytes: Uint8Array, path: string): Uint8Array {
  const maxOutputLength = FREE_BYTES + bytes.length * MOST_GROWTH;
  if (path.endsWith('.br')) return brotliDecompressSync(bytes, { maxOutputLength });
  return path.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength }) : bytes;
}

/** The contents of a file, compressed if its name ends in `.br` (Brotli) or `.gz`. The same bytes each time. */
export function compressByName(bytes: Uint8Array, path: string): Uint8Array {
  if (path.endsWith('.br')) {
    return brotliCompressSync(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 9,
        [constants.BROTLI_PARAM_LGWIN]: BROTLI_WINDOW_BITS,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    });
  }
  return path.endsWith('.gz') ? gzipSync(bytes) : bytes;
}
