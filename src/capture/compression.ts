import { constants as bufferConstants } from 'node:buffer';
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from 'node:zlib';

/** A compressed file may grow to this many times its size, and by {@link FREE_BYTES} in any case. */
const MOST_GROWTH = 256;
const GIB = 2 ** 30;
const FREE_BYTES = 2 * GIB;
/** Brotli's largest window, 16 MiB: a call's bytes appear again in FIFO and output, megabytes later. */
const BROTLI_WINDOW_BITS = 24;

/**
 * The bytes of a file, decompressed if its name ends in `.br` (Brotli) or `.gz`.
 * @throws Error of zlib if the contents are damaged; one that states the limit if they grow beyond 256 times their size
 * and `freeBytes`, or beyond what Node can hold in one piece.
 */
export function decompressByName(bytes: Uint8Array, path: string, freeBytes = FREE_BYTES): Uint8Array {
  const most = freeBytes + bytes.length * MOST_GROWTH;
  const maxOutputLength = Math.min(most, bufferConstants.MAX_LENGTH);
  try {
    if (path.endsWith('.br')) return brotliDecompressSync(bytes, { maxOutputLength });
    return path.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength }) : bytes;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')) throw error;
    const limit =
      most > maxOutputLength
        ? 'the most that Node can hold'
        : `${MOST_GROWTH} times its size and ${freeBytes / GIB} GiB`;
    throw new Error(`would grow beyond ${maxOutputLength} bytes, ${limit}`, {
      cause: error,
    });
  }
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
