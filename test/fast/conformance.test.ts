import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { FastEngine } from '../../src/fast/index.js';
import { registerProgram } from '../../src/program/index.js';
import { runPort } from '../conformance/harness.js';
import { ports } from '../conformance/ports.js';
import { readRecordings } from '../conformance/recordings.js';

const compiler = createCompiler(nodeSources());
const path = fileURLToPath(new URL('../conformance/ports.ts', import.meta.url));

describe.each(readRecordings())('$name, recorded on $device', ({ kernels }) => {
  test.each([...kernels.keys()])('%s', (name) => {
    const port = ports[name]!;
    const { launch, out } = kernels.get(name)!;
    // Ports that differ in what they close over are functions of their own, and have programs of their own.
    registerProgram(port, compiler.compile(path, 'ports', name));
    for (const schedule of ['rr', 'random:1', 'blocked']) {
      const words = runPort(port, launch, out.length, schedule, () => (host) => new FastEngine(host));
      const differing = [...out.keys()].filter((at) => words[at] !== out[at]);
      expect(differing, schedule).toEqual([]);
    }
  });
});
