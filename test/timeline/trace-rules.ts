/**
 * What the Trace Event Format asks of a JSON trace, and Perfetto's importer with it. Result: what is wrong, a line each.
 * Written from the format's description: JSON object format; phases B, E, X, i, C, s, f, M; binding points of flows.
 */
export function traceProblems(text: string): string[] {
  let trace: unknown;
  try {
    trace = JSON.parse(text);
  } catch (error) {
    return [`no JSON: ${error instanceof Error ? error.message : String(error)}`];
  }
  if (!isObject(trace) || !Array.isArray(trace.traceEvents)) return ['no array traceEvents'];
  const rules = new Rules();
  if (trace.displayTimeUnit !== 'ns' && trace.displayTimeUnit !== 'ms') rules.problems.push('displayTimeUnit');
  if (!isObject(trace.otherData)) rules.problems.push('no metadata: otherData is no object');
  trace.traceEvents.forEach((event: unknown, at) => {
    if (isObject(event)) rules.event(event, at);
    else rules.problems.push(`event ${at} is no object`);
  });
  rules.end();
  return rules.problems;
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

const METADATA: Readonly<Record<string, string>> = {
  process_name: 'name',
  process_labels: 'labels',
  process_sort_index: 'sort_index',
  thread_name: 'name',
  thread_sort_index: 'sort_index',
};

interface Slice {
  readonly name: unknown;
  readonly start: number;
  /** Null: a B whose E has not come. */
  end: number | null;
}

interface FlowEnd {
  readonly phase: string;
  readonly ts: number;
  readonly kind: string;
}

class Rules {
  readonly problems: string[] = [];
  readonly #processes = new Map<unknown, Set<string>>();
  readonly #threads = new Map<string, Set<string>>();
  readonly #usedThreads = new Set<string>();
  readonly #usedProcesses = new Set<unknown>();
  /** By thread: slices that are open, outermost first. */
  readonly #open = new Map<string, Slice[]>();
  readonly #lastTs = new Map<string, number>();
  readonly #flows = new Map<unknown, FlowEnd[]>();

  event(event: Json, at: number): void {
    const { ph, name, pid, tid, ts } = event;
    const say = (what: string): void => {
      this.problems.push(`event ${at} (${String(ph)} ${String(name)}): ${what}`);
    };
    if (typeof name !== 'string' || name === '') say('no name');
    if (!Number.isInteger(pid)) say('pid is no integer');
    if (!Number.isInteger(tid)) say('tid is no integer');
    if (ph === 'M') {
      this.#metadata(event, say);
      return;
    }
    if (!isNumber(ts) || ts < 0) {
      say('ts is no time');
      return;
    }
    this.#usedProcesses.add(pid);
    const thread = `${String(pid)} ${String(tid)}`;
    switch (ph) {
      case 'B':
      case 'E':
      case 'X':
        this.#slice(event, thread, ts, say);
        break;
      case 's':
      case 'f':
        this.#flow(event, thread, ts, say);
        break;
      case 'C':
        this.#counter(event, ts, say);
        break;
      case 'i':
        if (event.s !== 'g' && event.s !== 'p' && event.s !== 't') say('an instant has a scope g, p or t');
        break;
      default:
        say('an unknown phase');
    }
  }

  end(): void {
    for (const [thread, slices] of this.#open)
      for (const { name, end } of slices) if (end === null) this.problems.push(`${String(name)} of ${thread} has no E`);
    for (const pid of this.#usedProcesses)
      if (!this.#processes.get(pid)?.has('process_name')) this.problems.push(`process ${String(pid)} has no name`);
    for (const thread of this.#usedThreads)
      if (!this.#threads.get(thread)?.has('thread_name')) this.problems.push(`thread ${thread} has no name`);
    for (const [id, ends] of this.#flows) {
      const [start, finish] = [ends.filter(({ phase }) => phase === 's'), ends.filter(({ phase }) => phase === 'f')];
      if (start.length !== 1 || finish.length !== 1)
        this.problems.push(`flow ${String(id)} has ${start.length} s and ${finish.length} f`);
      else if (start[0]!.ts > finish[0]!.ts) this.problems.push(`flow ${String(id)} ends before it begins`);
      else if (start[0]!.kind !== finish[0]!.kind) this.problems.push(`flow ${String(id)} changes name or category`);
    }
  }

  #metadata({ name, pid, tid, args }: Json, say: (what: string) => void): void {
    const key = METADATA[String(name)];
    const value = key === undefined || !isObject(args) ? undefined : args[key];
    if (key === undefined) {
      say('unknown metadata');
      return;
    }
    if (key === 'sort_index' ? !Number.isInteger(value) : typeof value !== 'string' || value === '') {
      say(`no ${key}`);
      return;
    }
    const isThread = String(name).startsWith('thread');
    const thread = `${String(pid)} ${String(tid)}`;
    const known = (isThread ? this.#threads.get(thread) : this.#processes.get(pid)) ?? new Set<string>();
    if (known.has(String(name))) say('said twice');
    known.add(String(name));
    if (isThread) this.#threads.set(thread, known);
    else this.#processes.set(pid, known);
  }

  #slice({ ph, name, dur }: Json, thread: string, ts: number, say: (what: string) => void): void {
    this.#usedThreads.add(thread);
    if (ts < (this.#lastTs.get(thread) ?? 0)) say('ts goes back on its thread');
    this.#lastTs.set(thread, ts);
    const open = this.#openAt(thread, ts);
    const inner = open[open.length - 1];
    if (ph === 'E') {
      if (inner === undefined || inner.end !== null) {
        say('an E without a B');
        return;
      }
      if (name !== inner.name) say(`the E of ${String(inner.name)}, which is the innermost, has to come first`);
      open.pop();
      return;
    }
    if (ph === 'X' && (!isNumber(dur) || dur <= 0)) {
      say('dur is no duration');
      return;
    }
    const end = ph === 'X' ? ts + (dur as number) : null;
    if (end !== null && inner !== undefined && inner.end !== null && end > inner.end)
      say(`ends behind ${String(inner.name)}, which it begins in`);
    open.push({ name, start: ts, end });
  }

  /** Slices of a thread that are open at a time. */
  #openAt(thread: string, ts: number): Slice[] {
    const open = this.#open.get(thread) ?? [];
    this.#open.set(thread, open);
    for (let last = open[open.length - 1]; last !== undefined && last.end !== null && last.end <= ts; ) {
      open.pop();
      last = open[open.length - 1];
    }
    return open;
  }

  #flow({ ph, id, name, cat, bp }: Json, thread: string, ts: number, say: (what: string) => void): void {
    this.#usedThreads.add(thread);
    if (id === undefined) {
      say('a flow has no id');
      return;
    }
    // Without it, an f belongs to the next slice.
    if (ph === 'f' && bp !== 'e') say('an f that does not bind to the slice around it');
    if (this.#openAt(thread, ts).length === 0) say('no slice for a flow to bind to');
    if (ts < (this.#lastTs.get(thread) ?? 0)) say('ts goes back on its thread');
    this.#flows.set(id, [
      ...(this.#flows.get(id) ?? []),
      { phase: String(ph), ts, kind: `${String(cat)} ${String(name)}` },
    ]);
  }

  #counter({ pid, name, args }: Json, ts: number, say: (what: string) => void): void {
    const key = `counter ${String(pid)} ${String(name)}`;
    if (ts < (this.#lastTs.get(key) ?? 0)) say('ts goes back');
    this.#lastTs.set(key, ts);
    const values = isObject(args) ? Object.values(args) : [];
    if (values.length === 0) say('a counter without values');
    if (!values.every(isNumber)) say('a counter that is no number');
  }
}
