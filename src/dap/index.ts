/** The Debug Adapter Protocol over a debugger's session: what an editor asks, and what it is told. No streams, no files. */
export { frameOf, MessageReader, type Received } from './framing.js';
export { DapError, type DapHost, type DebugConsole, type Debuggee, type LaunchArguments } from './host.js';
export { DapSession } from './session.js';
