import { Stream, type StreamItem } from '../../simt/stream.js';
import type { Workload } from '../trial.js';

/**
 * A workload whose streams share `queues` in-order hardware queues in turn: what is queued waits for all before it in the
 * same queue, though its stream would let it go. One queue is one stream.
 *
 * The machine does not know in which order the host filled several streams: the first item of each stream is taken to come
 * before the second of any, and streams by their number. Streams without a launch keep a queue of their own.
 * @throws RangeError unless `queues` is a positive integer.
 */
export function withHardwareQueues(workload: Workload, queues: number): Workload {
  if (!Number.isInteger(queues) || queues < 1) throw new RangeError(`${queues} hardware queues: there is at least one`);
  return {
    name: workload.name,
    begin(options) {
      const trial = workload.begin(options);
      const streams = [
        ...new Set(trial.machine.launches.flatMap(({ queue }) => (queue instanceof Stream ? [queue] : []))),
      ].sort((a, b) => a.index - b.index);
      const items = streams.map((stream) => stream.snapshot());
      const shared: StreamItem[][] = streams.slice(0, queues).map(() => []);
      const longest = Math.max(0, ...items.map(({ length }) => length));
      for (let place = 0; place < longest; place++) {
        items.forEach((ofStream, at) => {
          const item = ofStream[place];
          if (item !== undefined) shared[at % queues]!.push(item);
        });
      }
      streams.forEach((stream, at) => {
        stream.restore(shared[at] ?? []);
      });
      return trial;
    },
  };
}
