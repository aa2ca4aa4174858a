export const EXPLORE_HELP = `
Runs a captured call, or one with random inputs, under many schedules in mode 'step', and looks for what is wrong with it:
data races in shared and global memory, across blocks and ranks, by the order that barriers, warp operations, fences,
releases and acquires give; barriers that are used again too soon; errors; deadlocks and livelocks; wrong output; and
output that depends on the schedule. Each problem is told once, with the first schedule that shows it and a smaller one,
and for random inputs with a smaller call. What --expect FILE lists is told apart, with its reason.

Coverage counts pairs of places that have touched the same bytes, one of them writing: how many were seen in both orders.

Schedules: rr, blocked, rr with blocks in reverse, then in turn random walks, PCT of depth 1, 2 and 3, and delay bounding,
each with seeds that count from --seed on. The same command gives the same result, with any number of --jobs; with --time
it depends on how many schedules there was time for. Smaller schedules are looked for after that time.

--shard I/N runs every N-th schedule, for the jobs of a CI matrix; 'simtwin explore merge' puts what their --json printed
together. Without it, a task of an array job of Slurm (SLURM_ARRAY_TASK_ID) has its share, and with --shards N so has a
pod of an Indexed Job of Kubernetes (JOB_COMPLETION_INDEX).

--checkpoint FILE is written every few seconds and at the end. The same command goes on from there, also with more
--schedules. With --time, each start has so much time.

Examples:
  simtwin explore a.safetensors
  simtwin explore a.safetensors --schedules 10000 --granule 8 --jobs 4
  simtwin explore all-to-all --args '{"ep_size": 2, "max_usable_sm_count": 2}' --time 60
  simtwin explore a.safetensors --schedules 1e6 --checkpoint a.checkpoint.json
  simtwin explore a.safetensors --shard 2/4 --json > shard-2.json
  simtwin explore merge shard-*.json --junit report.xml
  simtwin explore hang.safetensors --json | jq '.discoveries[].problem'

Exit code:
  0    nothing was found that is not expected
  1    something was found
  2    the command line or a file is no good
  4    simtwin itself failed, which is a bug
  130  Ctrl-C`;

export const MERGE_HELP = `
Gives what one search of all schedules would have given, also output that depends on the schedule when no shard has seen
both. The shards must be of the same call, version of simtwin and options. What is missing or there twice is said.

Examples:
  simtwin explore merge shard-1.json shard-2.json shard-3.json
  simtwin explore merge shard-*.json --json > all.json

Exit code:
  0  nothing was found
  1  something was found
  2  nothing was found, but a shard is missing; or the command line or a file is no good
  4  simtwin itself failed, which is a bug`;
