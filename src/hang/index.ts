/** The proof that a program can never end. */
export { type Known, UNDEFINED } from './known.js';
export { proveHang } from './prove.js';
export type {
  StandingBarrier,
  StandingBlock,
  StandingLane,
  StandingMachine,
  StandingWarp,
  WaitingOperation,
} from './standing-machine.js';
