/** The entry of a thread that `simtwin explore --jobs` starts. */
import { parentPort } from 'node:worker_threads';
import { type TaskRequest, taskServer } from './explore-tasks.js';

// As in main.ts: a device function deep inside others is to be seen together with its kernel.
Error.stackTraceLimit = 50;
const serve = taskServer((answer) => parentPort?.postMessage(answer));
parentPort?.on('message', (request: TaskRequest) => serve(request));
