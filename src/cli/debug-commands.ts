import { BREAK_COMMANDS } from './debug-break-commands.js';
import { RUN_COMMANDS } from './debug-run-commands.js';
import type { CommandSections } from './debug-shell.js';
import { SHOW_COMMANDS } from './debug-show-commands.js';

/** All commands of the debugger. */
export const DEBUG_COMMANDS: CommandSections = [
  ['Running, forwards and backwards', RUN_COMMANDS],
  ['Breakpoints and watchpoints', BREAK_COMMANDS],
  ['Looking', SHOW_COMMANDS],
];
