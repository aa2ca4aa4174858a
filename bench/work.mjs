// One piece of work, measured in a process of its own: node bench/work.mjs NAME [SCHEDULE]
// Prints one line of JSON. Times are CPU time of the whole process (JIT and garbage collection included), in ms.
import { checkAgainstReference, generateCapture, Machine, setUpCall } from 'simtwin';
import { neighbourKernel } from './neighbour-kernel.mjs';

const [name = '', schedule = 'rr'] = process.argv.slice(2);

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};

/** Runs `prepare()` and then times what it returns, `times` times; the first is cold. */
function timed(times, prepare) {
  const runs = [];
  for (let run = 0; run < times; run++) {
    const work = prepare();
    const start = cpuMs();
    const { steps, verify } = work();
    runs.push({ ms: cpuMs() - start, steps });
    verify?.();
  }
  const warm = runs
    .slice(1)
    .map(({ ms }) => ms)
    .sort((a, b) => a - b);
  return { coldMs: runs[0].ms, warmMs: warm[warm.length >> 1] ?? null, steps: runs[0].steps, rssMiB: rssMiB() };
}

const rssMiB = () => process.resourceUsage().maxRSS / 1024;

/** The result of each run is checked against the reference, outside the time: a fast wrong answer is worth nothing. */
function verified(op, args, times) {
  const capture = generateCapture(op, args, 1);
  return timed(times, () => {
    const set = setUpCall(capture, { schedule }, 'bench');
    return () => {
      const outcome = set.machine.run();
      return { steps: outcome.steps, verify: () => verifyCall(capture, set, outcome) };
    };
  });
}

function verifyCall(capture, set, { verdict }) {
  if (verdict !== 'completes') throw new Error(`${name}: ${verdict}`);
  const { differingBytes } = checkAgainstReference(capture, set);
  if (differingBytes !== 0) throw new Error(`${name}: ${differingBytes} bytes differ`);
}

function fullNode(tokens) {
  const args = { ep_size: 8, tokens, top_k: 2, vector_bytes: 14336, max_usable_sm_count: 132 };
  const run = verified('moe_comm', args, 1);
  return { threads: 8 * 33 * 2 * 512, packets: 8 * tokens * 2 * 8, ...run };
}

const WORKS = {
  /** 4 ranks x 64 tokens x 2 targets x 14,336 bytes, 2 channels: 4,096 packets, 8,192 threads. */
  packets: () => ({
    packets: 4 * 64 * 2 * 8,
    ...verified('moe_comm', { ep_size: 4, tokens: 64, top_k: 2, vector_bytes: 14336, max_usable_sm_count: 8 }, 8),
  }),
  /** Index preparation of one of 8 ranks, top-k 8, 1,024 tokens a rank. */
  indices: () =>
    verified('moe_comm_prepare_indices', { ep_size: 8, ep_rank: 3, top_k: 8, max_token_count_per_rank: 1024 }, 12),
  /** 1,024 threads x 1,000 x (syncthreads, neighbour read, ballot). */
  neighbours: () => ({
    threadIterations: 1024 * 1000,
    ...timed(4, () => {
      const machine = new Machine({ schedule });
      const out = machine.memory.allocate('out', 'i32', 1024);
      machine.stream().launch(neighbourKernel, { grid: 1, block: 1024 }, { iterations: 1000, out });
      return () => ({ steps: machine.run().steps });
    }),
  }),
  /** 8 ranks x 33 channels: 270,336 threads, 4.6 GB of workspace; 8,192 packets. */
  fullNode: () => fullNode(64),
  /** The same with 65,536 packets. */
  fullNodeFullLoad: () => fullNode(512),
  /** 16 ranks x 16 channels: 524,288 threads of the all-to-all, all alive at once. */
  liveThreads: () => {
    const threads = 16 * 2 * 16 * 2 * 512;
    const capture = generateCapture(
      'moe_comm',
      { ep_size: 16, tokens: 1, vector_bytes: 16, max_usable_sm_count: 132 },
      1,
    );
    const { machine } = setUpCall(capture, { schedule: 'rr' }, 'bench');
    const start = cpuMs();
    // Every warp steps three times: its threads have begun, none of those with a peer has ended.
    machine.advance((threads / 32) * 3);
    return { threads, coldMs: cpuMs() - start, warmMs: null, steps: machine.steps, rssMiB: rssMiB() };
  },
};

const work = WORKS[name];
if (work === undefined) throw new RangeError(`no work '${name}': there are ${Object.keys(WORKS).join(', ')}`);
console.log(JSON.stringify({ name, schedule, ...work() }));
