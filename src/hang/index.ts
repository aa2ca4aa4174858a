/** The proof that a program can never end. */
export { isWord, type Known, UNDEFINED } from './known.js';
export { numberOf, type Places, placesOf } from './places.js';
export { proveHang } from './prove.js';
export {
  type StandingBarrier,
  type StandingBlock,
  type StandingEngine,
  type StandingLane,
  type StandingWarp,
  standingBlocksOf,
  type WaitingOperation,
} from './standing-block.js';
