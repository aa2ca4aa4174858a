/** Reading calls that other programs have written: FlashInfer's flight recorder, torch, NumPy, plain safetensors. */

export { CALL_FORMAT, isCallDescription } from './call-description.js';
export { isDump, isFlushFolder } from './flight-recorder.js';
export { isForeign, readAnyCapture, readCaptureFrom } from './read-any.js';
