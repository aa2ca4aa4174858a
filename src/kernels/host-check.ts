/** A check of the host code has failed: the original throws with this message (`FLASHINFER_CHECK`). */
export class HostCheckError extends Error {
  override readonly name = 'HostCheckError';
}

/** `FLASHINFER_CHECK(condition, message)`. */
export function hostCheck(condition: boolean, message: string): asserts condition {
  if (!condition) throw new HostCheckError(message);
}
