/** The user's mistake on the command line. The message is one sentence that says what would be right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The user wants it to end (SIGINT). */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
