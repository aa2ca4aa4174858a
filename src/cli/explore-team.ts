import { breathe } from './drive.js';
import type { ExploreTarget } from './explore-target.js';
import {
  type SearchPlan,
  type TaskAnswer,
  type TaskArguments,
  type TaskName,
  type TaskRequest,
  type TaskResult,
  TaskRunner,
} from './explore-tasks.js';
import type { CliIo, WorkerThread } from './io.js';
import { Interrupted, UsageError } from './usage-error.js';

/** Those who do the tasks of a search. */
export interface Team {
  /** Tasks at a time. */
  readonly size: number;
  /**
   * Does a task as soon as somebody is free.
   * @throws Interrupted once the user wants it to end.
   */
  call<Name extends TaskName>(name: Name, ...args: TaskArguments<Name>): Promise<TaskResult<Name>>;
  /** Ends all threads. */
  close(): void;
}

/** `onRun` is told of each run that is made to look at a discovery. */
export const createTeam = (
  jobs: number,
  target: ExploreTarget,
  plan: SearchPlan,
  io: CliIo,
  onRun: () => void = () => {},
): Team =>
  jobs === 1 ? inlineTeam(new TaskRunner(target, plan, onRun), io) : new ThreadTeam(jobs, target, plan, io, onRun);

/** This thread alone: no other thread is started. */
function inlineTeam(runner: TaskRunner, io: CliIo): Team {
  const run = <Name extends TaskName>(name: Name, args: TaskArguments<Name>): TaskResult<Name> => {
    const task = runner[name] as (...args: TaskArguments<Name>) => TaskResult<Name>;
    return task.apply(runner, args);
  };
  return {
    size: 1,
    async call(name, ...args) {
      await breathe(io);
      // Schedules follow upon each other: between them there is time for a look at the signal.
      return name === 'run' ? run(name, args) : io.interruptible(() => run(name, args));
    },
    close() {},
  };
}

interface Job {
  readonly request: TaskRequest;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

class ThreadTeam implements Team {
  readonly #io: CliIo;
  readonly #onRun: () => void;
  readonly #threads: readonly WorkerThread[];
  readonly #idle: WorkerThread[];
  /** Not begun. */
  readonly #waiting: Job[] = [];
  /** At most one a thread. */
  readonly #running = new Map<WorkerThread, Job>();
  /** Why no more tasks are done; null: they are. */
  #failure: { readonly error: unknown } | null = null;
  readonly #onAbort = (): void => this.#fail(new Interrupted());

  constructor(jobs: number, target: ExploreTarget, plan: SearchPlan, io: CliIo, onRun: () => void) {
    this.#io = io;
    this.#onRun = onRun;
    this.#threads = Array.from({ length: jobs }, () => io.startWorker());
    this.#idle = [...this.#threads];
    for (const thread of this.#threads) {
      thread.onMessage((message) => this.#finish(thread, message as TaskAnswer));
      thread.onFailure((error) => this.#fail(failureText(error, jobs)));
      thread.post({ begin: { target, plan } } satisfies TaskRequest);
    }
    io.signal.addEventListener('abort', this.#onAbort, { once: true });
    if (io.signal.aborted) this.#onAbort();
  }

  get size(): number {
    return this.#threads.length;
  }

  call<Name extends TaskName>(name: Name, ...args: TaskArguments<Name>): Promise<TaskResult<Name>> {
    return new Promise<TaskResult<Name>>((resolve, reject) => {
      if (this.#failure !== null) {
        reject(this.#failure.error);
        return;
      }
      this.#waiting.push({ request: { name, args } as TaskRequest, resolve, reject });
      this.#dispatch();
    });
  }

  close(): void {
    this.#io.signal.removeEventListener('abort', this.#onAbort);
    for (const thread of this.#threads) thread.terminate();
  }

  #dispatch(): void {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const thread = this.#idle.shift()!;
      const job = this.#waiting.shift()!;
      this.#running.set(thread, job);
      thread.post(job.request);
    }
  }

  #finish(thread: WorkerThread, answer: TaskAnswer): void {
    const job = this.#running.get(thread);
    if (job === undefined) return;
    if ('run' in answer) {
      this.#onRun();
      return;
    }
    this.#running.delete(thread);
    this.#idle.push(thread);
    if ('error' in answer) job.reject(answer.error);
    else job.resolve(answer.value as never);
    this.#dispatch();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    const jobs = [...this.#running.values(), ...this.#waiting];
    this.#running.clear();
    this.#waiting.length = 0;
    for (const job of jobs) job.reject(error);
  }
}

function failureText(error: Error, jobs: number): Error {
  const isMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  return isMemory ? new UsageError(`--jobs ${jobs}: a thread has run out of memory; give fewer jobs`) : error;
}
