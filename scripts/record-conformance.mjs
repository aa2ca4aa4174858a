// @ts-check
/**
 * Compiles conformance/kernels.cu, runs it on this machine's GPU and writes a recording.
 * Usage: npm run conformance:record [-- FILE.conformance [ARCHITECTURE]]
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [file = 'fixtures/conformance/h100.conformance', architecture = 'sm_90'] = process.argv.slice(2);
const target = resolve(root, file);
const folder = mkdtempSync(join(tmpdir(), 'simtwin-conformance-'));
try {
  const program = join(folder, 'kernels');
  const options = [`-arch=${architecture}`, '-std=c++17', '-O2', '-cudart', 'static'];
  process.exitCode = run(
    'nvcc',
    [...options, '-o', program, join(root, 'conformance/kernels.cu')],
    'nvcc is missing: install the CUDA toolkit and put its bin folder on PATH',
  );
  if (process.exitCode === 0) {
    process.exitCode = run('nvidia-smi', ['-L'], 'no GPU: nvidia-smi is missing, so no NVIDIA driver is installed');
  }
  if (process.exitCode === 0) {
    mkdirSync(dirname(target), { recursive: true });
    process.exitCode = run(program, [target], 'the compiled program is gone');
  }
  if (process.exitCode === 0) console.log(`recorded ${target}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} missing what to say if there is no such command
 * @returns {number} its exit status
 */
function run(command, args, missing) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error === undefined && status === 0) return 0;
  const notFound = error !== undefined && 'code' in error && error.code === 'ENOENT';
  console.error(notFound ? missing : `${command} failed: ${error?.message ?? `exit status ${status}`}`);
  return 1;
}
