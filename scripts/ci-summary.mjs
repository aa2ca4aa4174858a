// @ts-check
/**
 * Prints `N passed, N failed` from the JSON report of vitest, as the last line of `.ci/run`.
 *
 * Usage: node scripts/ci-summary.mjs REPORT EXIT_STATUS_OF_THE_TEST_RUN
 *
 * The totals of the report itself leave out what never came to run. Here these count as failed, too:
 * a file that does not load, a test that has no result because its process died, and a run that failed for no test's fault.
 * Exits with 1 if anything failed, with 2 if there is no report to read.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [reportPath, exitStatus] = process.argv.slice(2);
if (reportPath === undefined || exitStatus === undefined) {
  console.error('usage: node scripts/ci-summary.mjs REPORT EXIT_STATUS_OF_THE_TEST_RUN');
  process.exit(2);
}

/** @type {{ testResults: { name: string, status: string, assertionResults: { status: string, fullName: string }[] }[] }} */
let report;
try {
  report = JSON.parse(readFileSync(reportPath, 'utf8'));
} catch (error) {
  console.error(`the tests left no report that can be read: ${error instanceof Error ? error.message : error}`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
for (const file of report.testResults) {
  const name = relative(process.cwd(), file.name);
  const failedBefore = failed;
  for (const test of file.assertionResults) {
    if (test.status === 'passed') {
      passed += 1;
    } else if (test.status === 'failed') {
      failed += 1;
    } else if (test.status !== 'skipped' && test.status !== 'todo' && test.status !== 'disabled') {
      failed += 1;
      console.log(`counted as failed: ${name} > ${test.fullName} left no result`);
    }
  }
  if (failed === failedBefore && file.status !== 'passed') {
    failed += 1;
    console.log(`counted as failed: ${name} as a whole (it does not load, or a hook failed)`);
  }
}
if (failed === 0 && exitStatus !== '0') {
  failed += 1;
  console.log(`counted as failed: the run, which ended with status ${exitStatus} though no test failed`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
