import { url as debuggerUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect } from 'vitest';

/**
 * Ends a test file that is stuck in a synchronous loop, and says where.
 *
 * The timeout of vitest is a timer of the thread that runs the tests: a machine that never stops would hang the whole run
 * without a word. This one watches from a second thread, and waits longer, because vitest has the better message.
 */
const LIMIT_SECONDS = 120;

/** Each message says where the tests are, and starts the clock anew. */
const WATCHER = `
  const { parentPort } = require('node:worker_threads');
  const { writeSync } = require('node:fs');
  let timer;
  parentPort.on('message', (where) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      writeSync(2, [
        '',
        where,
        '  has not come to an end in ${LIMIT_SECONDS} s (LIMIT_SECONDS in test/support/watchdog.ts): most likely an endless loop.',
        '  Its process is ended; the tests after it in this file do not run.',
        '',
      ].join('\\n'));
      process.kill(process.pid, 'SIGKILL');
    }, ${LIMIT_SECONDS * 1000});
  });
`;

// Under a debugger a test may stand still for as long as you like.
if (debuggerUrl() === undefined) {
  const watcher = new Worker(WATCHER, { eval: true });
  watcher.unref();
  const { testPath } = expect.getState();
  watcher.postMessage(`${testPath}, while it is loaded`);
  beforeEach(({ task }) => watcher.postMessage(`${testPath} > ${task.name}`));
  afterEach(({ task }) => watcher.postMessage(`${testPath}, after the test '${task.name}'`));
}
