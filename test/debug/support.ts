import { DebugSession, type Running, type SnapshotLimits } from '../../src/debug/index.js';
import type { Machine, MachineOptions } from '../../src/simt/index.js';
import { stepEngine } from '../../src/step/index.js';
import { generateCapture, setUpCall } from '../../src/tools/index.js';
import { setUpNeighbours } from '../step/neighbours.js';

/** The result of a computation that is never left. */
export function finish<T>(running: Running<T>): T {
  for (;;) {
    const { done, value } = running.next();
    if (done === true) return value;
  }
}

/** Two launches of a kernel with barriers, ballots and plain accesses; three warps and three blocks each. */
export const neighbours = (schedule: string, options: MachineOptions = {}): Machine =>
  setUpNeighbours({ schedule, engine: stepEngine(), ...options });

/** A small all-to-all of two ranks with one channel. */
export function allToAll(schedule = 'rr', args: Record<string, unknown> = {}): Machine {
  const all = { ep_size: 2, tokens: 4, top_k: 1, vector_bytes: 512, max_usable_sm_count: 4, ...args };
  return setUpCall(generateCapture('moe_comm', all, 1), { schedule, mode: 'step' }, 'test').machine;
}

/** A session with snapshots so dense and so few that all of their cases occur. */
export const sessionOf = (make: () => Machine, limits: Partial<SnapshotLimits> = {}): DebugSession =>
  new DebugSession(make, { interval: 16, count: 6, ...limits });
