import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createCompiler, nodeSources } from '../../src/compile/index.js';
import { checkProgram } from '../../src/program/check-program.js';
import type { Program } from '../../src/program/program.js';
import { type Port, runPort } from '../conformance/harness.js';
import { ports, wholeWarpsOnly } from '../conformance/ports.js';
import { readRecordings } from '../conformance/recordings.js';
import { repositoryRoot } from '../support/files.js';
import { interpret } from './interpreter.js';

const SCHEDULES = ['random:1'];
const path = resolve(repositoryRoot, 'test/conformance/ports.ts');
const compiler = createCompiler(nodeSources());
const programs = new Map<string, Program>();

describe('every port compiles to a program that keeps to the contract', () => {
  test.each(Object.keys(ports))('%s', (name) => {
    const program = compiler.compile(path, 'ports', name);
    expect(checkProgram(program)).toEqual([]);
    programs.set(name, program);
  });
});

const [recording] = readRecordings();

describe.each(SCHEDULES)('the words of the GPU, %s', (schedule) => {
  const names = Object.keys(ports).filter((name) => !(schedule.includes('granule') && wholeWarpsOnly.has(name)));
  test.each(names)('%s', (name) => {
    const { launch, out } = recording!.kernels.get(name)!;
    const words = runPort(interpret(programs.get(name)!) as Port, launch, out.length, schedule);
    expect(words).toEqual(out);
  });
});
