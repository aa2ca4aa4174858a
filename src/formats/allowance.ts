import { refusal } from './refusal.js';

const MIB = 2 ** 20;

/** What an archive's compressed members may grow to beyond {@link MOST_GROWTH} times the file. */
const FREE_INFLATED_BYTES = 256 * MIB;
/** Copies of tensors, and what an archive inflates to, may be this many times the file. */
const MOST_GROWTH = 4;

/**
 * The bytes that the readers of one file may still allocate, taken before each allocation.
 *
 * Copies (tensors that are not contiguous) may amount to four times the file, and to what was inflated. What compressed
 * members inflate to may amount to four times the file and `freeInflatedBytes`. Everything else is a view of the file.
 */
export class Allowance {
  readonly #file: string;
  readonly #mostInflatedBytes: number;
  #copiesLeft: number;
  #inflatedLeft: number;

  constructor(file: string, fileBytes: number, freeInflatedBytes = FREE_INFLATED_BYTES) {
    this.#file = file;
    this.#copiesLeft = fileBytes * MOST_GROWTH;
    this.#mostInflatedBytes = fileBytes * MOST_GROWTH + freeInflatedBytes;
    this.#inflatedLeft = this.#mostInflatedBytes;
  }

  /** Before a tensor is copied. @throws CaptureError if that would be too much */
  takeCopy(bytes: number, what: string): void {
    if (!(bytes <= this.#copiesLeft)) {
      throw refusal(this.#file, {
        found: `${what}, which takes ${bytes} bytes to write out`,
        expected: `at most ${this.#copiesLeft} more: copies of tensors may be ${MOST_GROWTH} times the file`,
        wayOut: 'save the tensor in the shape that the operation takes, contiguous (torch: t.contiguous())',
      });
    }
    this.#copiesLeft -= bytes;
  }

  /** Before a member of an archive is inflated. @throws CaptureError if that would be too much */
  takeInflated(bytes: number, what: string): void {
    if (!(bytes <= this.#inflatedLeft)) {
      throw refusal(this.#file, {
        found: `${what}, which inflates to ${bytes} bytes`,
        expected: `at most ${this.#mostInflatedBytes} for all members, ${MOST_GROWTH} times the file and a fixed amount`,
        wayOut: 'if you trust the file, store its members uncompressed (numpy.savez)',
      });
    }
    this.#inflatedLeft -= bytes;
    this.#copiesLeft += bytes;
  }
}
