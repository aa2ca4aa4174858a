// npm run bench: measures every piece of work in a process of its own and prints figures beside their goals.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// Threads live long for V8: with room for them, its young generation copies less. Users set it by NODE_OPTIONS.
const NODE_FLAGS = ['--max-semi-space-size=64'];

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

function measure(name, schedule = 'rr') {
  const output = execFileSync(process.execPath, [...NODE_FLAGS, at('work.mjs'), name, schedule], { encoding: 'utf8' });
  return JSON.parse(output);
}

const rows = [];
const row = (work, figure, goal, ok) => rows.push({ work, figure, goal, ok });
const whole = (value) => Math.round(value).toLocaleString('en-US');
const rate = (count, ms) => (count / ms) * 1e3;

for (const schedule of ['rr', 'blocked', 'random:1']) {
  const { packets, coldMs, warmMs, steps } = measure('packets', schedule);
  const warm = rate(packets, warmMs);
  const goal = schedule === 'blocked' ? '>= 10,000 packets/s' : '';
  const figure = `${whole(warm)} packets/s warm, ${whole(rate(packets, coldMs))} cold, ${whole(rate(steps, warmMs))} warp instructions/s`;
  row(
    `all-to-all, 4 ranks x 64 tokens x 2 x 14,336 B, 2 channels, ${schedule}`,
    figure,
    goal,
    goal === '' || warm >= 1e4,
  );
}
{
  const { coldMs, warmMs, steps } = measure('indices');
  const figure = `${whole(warmMs)} ms warm, ${whole(coldMs)} cold, ${whole(rate(steps, warmMs))} warp instructions/s`;
  row('index preparation, 8 ranks, top-k 8, 1,024 tokens', figure, '', true);
}
{
  const { threadIterations, warmMs, steps } = measure('neighbours');
  const figure = `${whole((warmMs / threadIterations) * 1e6)} ns a thread-iteration, ${whole(rate(steps, warmMs))} warp instructions/s`;
  row('1,024 threads x 1,000 x (syncthreads, neighbour, ballot)', figure, '', true);
}
for (const [name, goal] of [
  ['fullNode', '< 1 GB'],
  ['fullNodeFullLoad', ''],
]) {
  const { threads, packets, coldMs, rssMiB } = measure(name);
  const figure = `${(coldMs / 1e3).toFixed(1)} s, ${whole(rate(packets, coldMs))} packets/s, ${whole(rssMiB)} MiB`;
  const work = `8 ranks x 33 channels, ${whole(threads)} threads, 4.6 GB of workspace, ${whole(packets)} packets`;
  row(work, figure, goal, goal === '' || rssMiB * 2 ** 20 < 1e9);
}
{
  const { threads, coldMs, rssMiB } = measure('liveThreads');
  const figure = `${whole(rssMiB)} MiB, ${whole((rssMiB * 2 ** 20) / threads)} B a thread, started in ${(coldMs / 1e3).toFixed(1)} s`;
  row(`${whole(threads)} live threads of the all-to-all`, figure, '< 1.5 GB', rssMiB * 2 ** 20 < 1.5e9);
}
{
  const start = performance.now();
  execFileSync(process.execPath, [
    at('../dist/cli/main.js'),
    'replay',
    at('../fixtures/local-gather/ep8-k4-t3.safetensors.br'),
  ]);
  row(
    'simtwin replay of one small capture, start-up included',
    `${whole(performance.now() - start)} ms of wall time`,
    '',
    true,
  );
}

console.log(
  `mode ref, Node ${process.versions.node} ${NODE_FLAGS.join(' ')}; times are CPU time of the whole process, memory its peak\n`,
);
for (const { work, figure, goal, ok } of rows) {
  console.log(`${work}\n    ${figure}${goal === '' ? '' : `   goal ${goal}: ${ok ? 'met' : 'MISSED'}`}`);
}
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1;
