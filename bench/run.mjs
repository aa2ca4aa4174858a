// npm run bench: measures every piece of work in a process of its own and prints figures beside their goals.
// Goals in absolute times hold for a quiet machine; those that decide are ratios taken in this run.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// Threads live long for V8: with room for them, its young generation copies less. Users set it by NODE_OPTIONS.
const NODE_FLAGS = ['--max-semi-space-size=64'];

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

function measure(name, mode, schedule = 'rr') {
  const output = execFileSync(process.execPath, [...NODE_FLAGS, at('work.mjs'), name, mode, schedule], {
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

const rows = [];
/** `goal` in words; `ok` null: nothing was promised. */
const row = (work, figure, goal = '', ok = null) => rows.push({ work, figure, goal, ok });
const whole = (value) => Math.round(value).toLocaleString('en-US');
const rate = (count, ms) => (count / ms) * 1e3;
const times = (value) => `${value.toFixed(1)} x`;
const megabytes = (mib) => `${whole(mib * 1.048576)} MB`;

const packets = {};
for (const mode of ['ref', 'step', 'fast']) packets[mode] = measure('packets', mode, 'rr');
// What one warp executes is the same in all modes; ref counts it.
const instructions = packets.ref.steps;
for (const mode of ['ref', 'step', 'fast']) {
  const { coldMs, warmMs } = packets[mode];
  const ratio = packets.ref.warmMs / warmMs;
  const figure = `${whole(rate(packets[mode].packets, warmMs))} packets/s warm, ${whole(rate(packets[mode].packets, coldMs))} cold, ${whole(rate(instructions, warmMs))} warp instructions/s, ${times(ratio)} ref`;
  const work = `all-to-all, 4 ranks x 64 tokens x 2 x 14,336 B, 2 channels, ${mode}`;
  if (mode === 'ref') row(work, figure);
  if (mode === 'step') row(work, figure, '>= 2.5 x ref', ratio >= 2.5);
  if (mode === 'fast') row(work, figure, '>= 25 x ref (and 350,000 packets/s on a quiet machine)', ratio >= 25);
}
{
  const { warmMs, accesses } = measure('tracedPackets', 'fast');
  const ratio = warmMs / packets.fast.warmMs;
  row(
    'the same in fast, every access traced',
    `${times(ratio)} untraced, ${whole(accesses)} accesses`,
    '<= 1.6 x',
    ratio <= 1.6,
  );
}
{
  const ref = measure('indices', 'ref');
  const { coldMs, warmMs } = measure('indices', 'fast');
  const figure = `${warmMs.toFixed(1)} ms warm, ${whole(coldMs)} cold, ${whole(rate(ref.steps, warmMs))} warp instructions/s; ref ${whole(ref.warmMs)} ms warm, ${times(ref.warmMs / warmMs)}`;
  row(
    'index preparation, 8 ranks, top-k 8, 1,024 tokens, fast',
    figure,
    '<= 7 ms warm, <= 150 cold on a quiet machine',
    warmMs <= 7 && coldMs <= 150,
  );
}
{
  const ref = measure('neighbours', 'ref');
  const { threadIterations, warmMs } = measure('neighbours', 'fast');
  const figure = `${((warmMs / threadIterations) * 1e6).toFixed(1)} ns a thread-iteration, ${whole(rate(ref.steps, warmMs))} warp instructions/s; ref ${((ref.warmMs / threadIterations) * 1e6).toFixed(0)} ns`;
  row(
    '1,024 threads x 1,000 x (syncthreads, neighbour, ballot), fast',
    figure,
    '<= 6 ns on a quiet machine',
    warmMs / threadIterations <= 6e-6,
  );
}
for (const [mode, seconds, bytes] of [
  ['fast', 0.8, 5e8],
  ['step', 4, null],
]) {
  const { threads, packets: count, coldMs, rssMiB } = measure('fullNode', mode);
  const figure = `${(coldMs / 1e3).toFixed(2)} s, ${whole(rate(count, coldMs))} packets/s, ${megabytes(rssMiB)}`;
  const ok = coldMs < seconds * 1e3 && (bytes === null || rssMiB * 2 ** 20 < bytes);
  row(
    `8 ranks x 33 channels, ${whole(threads)} threads, ${whole(count)} packets, ${mode}`,
    figure,
    `< ${seconds} s${bytes === null ? '' : `, < ${bytes / 1e6} MB`}`,
    ok,
  );
}
{
  const { threads, packets: count, coldMs, rssMiB } = measure('manyRanks', 'fast');
  const figure = `${(coldMs / 1e3).toFixed(1)} s, ${whole(rate(count, coldMs))} packets/s, ${megabytes(rssMiB)}`;
  row(
    `64 ranks x 4 channels, ${whole(threads)} threads, ${whole(count)} packets, fast`,
    figure,
    '< 10 s, < 3.5 GB',
    coldMs < 1e4 && rssMiB * 2 ** 20 < 3.5e9,
  );
}
{
  const { threads, coldMs, rssMiB } = measure('liveThreads', 'ref');
  const figure = `${whole(rssMiB)} MiB, ${whole((rssMiB * 2 ** 20) / threads)} B a thread, started in ${(coldMs / 1e3).toFixed(1)} s`;
  row(`${whole(threads)} live threads of the all-to-all, ref`, figure, '< 1.5 GB', rssMiB * 2 ** 20 < 1.5e9);
}
for (const [what, path, seconds] of [
  ['one small capture', 'local-gather/ep8-k4-t3.safetensors.br', 0.4],
  ['all captures', '', 15],
]) {
  const start = performance.now();
  execFileSync(process.execPath, [at('../dist/cli/main.js'), 'replay', at(`../fixtures/${path}`)]);
  const took = (performance.now() - start) / 1e3;
  row(
    `simtwin replay of ${what}, start-up included`,
    `${took.toFixed(2)} s of wall time`,
    `< ${seconds} s`,
    took < seconds,
  );
}

console.log(
  `Node ${process.versions.node} ${NODE_FLAGS.join(' ')}; times are CPU time of the whole process, memory its peak\n`,
);
for (const { work, figure, goal, ok } of rows) {
  console.log(`${work}\n    ${figure}${goal === '' ? '' : `   goal ${goal}: ${ok ? 'met' : 'MISSED'}`}`);
}
process.exitCode = rows.every(({ ok }) => ok !== false) ? 0 : 1;
