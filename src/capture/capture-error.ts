const PLAIN_NAME = /^[\w./-]{1,80}$/;
const MAX_QUOTED_LENGTH = 80;

/**
 * A file that cannot be read as what it should be, or could not be written.
 *
 * `message` is one sentence: the file, the tensor if one is at fault, what was expected and what was found.
 */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  readonly file: string;
  /** The tensor at fault, by its full name in the file; absent if no single tensor is. */
  readonly tensor?: string;

  /** `problem` continues the sentence: after `tensor NAME ` if there is a tensor, else after `FILE: `. */
  constructor(file: string, tensor: string | null, problem: string, options?: ErrorOptions) {
    const subject = tensor === null ? '' : `tensor ${PLAIN_NAME.test(tensor) ? tensor : quote(tensor)} `;
    super(`${file}: ${subject}${problem}`, options);
    this.file = file;
    if (tensor !== null) {
      this.tensor = tensor;
    }
  }
}

/** `text` as a JSON string on one line, cut after 80 characters: safe to print whatever the file holds. */
export function quote(text: string): string {
  return text.length > MAX_QUOTED_LENGTH
    ? `${JSON.stringify(text.slice(0, MAX_QUOTED_LENGTH))}...`
    : JSON.stringify(text);
}

/** `count` and `noun`, in the plural unless `count` is 1. Domain: nouns that form it with an s. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
