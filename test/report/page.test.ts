import { copyFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { readCapture, writeCapture } from '../../src/index.js';
import { type ReportData, reportHtml } from '../../src/report/index.js';
import { PAGE } from '../../src/report/page-bundle.js';
import { captureOf, fixtures, flipByte, simtwin, useTemporaryFolder } from '../cli/support.js';
import { noBrowser, useBrowser } from './browser.js';
import { reportOf } from './reports.js';
import { madeUpTimeline } from './timelines.js';

const folder = useTemporaryFolder();
const { open } = useBrowser();
const hang = join(fixtures, 'hang/receiver-expects-one-more.safetensors.br');
const small = join(fixtures, 'all-to-all/ep2-f16x8.safetensors.br');

const written = new Map<string, string>();

/** The report of a fixture, written once. */
async function reportedOnce(path: string): Promise<string> {
  const html = written.get(path) ?? (await reported(path, 0));
  written.set(path, html);
  return html;
}

/** The report that the command line writes of a capture. */
async function reported(path: string, expectedExit: number, options: readonly string[] = []): Promise<string> {
  const out = join(folder(), 'report.html');
  const { exitCode, stderr } = await simtwin(['report', path, '-o', out, ...options]);
  expect({ exitCode, stderr }).toEqual({ exitCode: expectedExit, stderr: '' });
  return readFileSync(out, 'utf8');
}

/** What axe-core has against a page, a line each. */
async function axeFindings(page: Page): Promise<string[]> {
  // The policy of the page lets no other script run; this one is run from outside.
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
  };
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
}

/** What the element in focus is called; null: none is. */
const NAME_IN_FOCUS = `(() => {
  const element = document.activeElement;
  if (element === null || element === document.body) return null;
  const label = element.getAttribute('aria-label') ?? element.closest('label')?.textContent ?? element.textContent;
  const isSeen = getComputedStyle(element).outlineStyle !== 'none' || element.matches('input, select');
  return (isSeen ? '' : 'without outline: ') + label.trim();
})()`;

const stepOf = (page: Page): Promise<string> => page.getByRole('slider', { name: 'Step' }).inputValue();

describe.skipIf(noBrowser !== null)(`the page of a report ${noBrowser ?? ''}`, () => {
  test('of a hang: root cause, graph, who waits', async () => {
    const { page, complaints } = await open(await reportedOnce(hang));
    expect(await page.locator('.badge').innerText()).toBe('match · deadlock');
    expect(await page.locator('.callout').innerText()).toContain('rank 0 sends 3 vectors, rank 1 expects 4');
    expect(await page.locator('#waits .node').count()).toBe(3);
    expect(await page.locator('#waits svg path').count()).toBe(2);
    await page.getByRole('button', { name: 'From node 1 to node 3' }).click();
    expect(await page.evaluate(`document.activeElement.getAttribute('aria-label')`)).toBe('Node 3');
    expect(await page.locator('#now tbody').innerText()).toContain('polls flag of link 0 -> 1, channel 0, slot 1');
    expect(await page.locator('#now tbody').innerText()).toContain('the end of the run');
    expect(await page.locator('#fifos .bytes mark').count()).toBe(16);
    expect(complaints).toEqual([]);
  });

  test('of a call that completes: cursor, FIFOs and source move together', async () => {
    const { page, complaints } = await open(await reportedOnce(small));
    expect(await page.locator('.badge').innerText()).toBe('match · completes');
    const slots = page.locator('#fifos tbody').first();
    await page.getByRole('button', { name: 'First step' }).click();
    const atFirst = await slots.innerText();
    await page.getByRole('button', { name: 'Last step' }).click();
    expect(await slots.innerText()).not.toBe(atFirst);
    await page.getByRole('button', { name: 'Event before' }).click();
    await page.locator('#fifos table').last().getByRole('button').last().click();
    expect(await page.locator('#source tr.here').getAttribute('data-line')).toMatch(/^\d+$/);
    expect(await page.evaluate(`document.activeElement.classList.contains('code')`)).toBe(true);
    expect(complaints).toEqual([]);
  });

  test('of a planted difference: the byte, and the thread and lines that wrote it', async () => {
    const path = join(folder(), 'bad.safetensors');
    const capture = captureOf('moe_comm', readCapture(small));
    flipByte(capture.ranks[1]!.outputs!.output, 5);
    writeCapture(path, capture);
    const { page, complaints } = await open(await reported(path, 1));
    expect(await page.locator('.badge').innerText()).toBe('mismatch · completes');
    const section = page.locator('#difference');
    expect(await section.innerText()).toContain('r1/out/output');
    expect(await section.innerText()).toMatch(/rank 1 block \(0,0,1\) warp \d+ lane \d+/);
    expect(await section.innerText()).toMatch(/all-to-all-channel-communicator\.ts:\d+ trtllm_alltoall\.cuh:\d+/);
    expect(await section.locator('td.marked').count()).toBe(2);
    // The cursor begins at the store.
    expect(await section.innerText()).toContain(`in step ${Number(await stepOf(page)).toLocaleString('en-US')}`);
    expect(complaints).toEqual([]);
  });

  test('of a run that comes to a limit, and of races: pairs of source lines', async () => {
    const { page, complaints } = await open(await reported(small, 3, ['--max-steps', '400']));
    expect(await page.locator('.badge').innerText()).toBe('budget');
    expect(complaints).toEqual([]);
    const frames = [{ functionName: 'run', file: 'src/kernels/x.ts', line: 2, column: 1 }];
    const thread = { rank: 0, kernel: 'k', block: '(0,0,0)', warp: 0, frames };
    const race = {
      kind: 'race' as const,
      address: 4096,
      word: 'tail of link 0 -> 1',
      space: 'global' as const,
      first: { ...thread, lane: 1, operation: 'st.global.u32' },
      second: { ...thread, lane: 2, operation: 'ld.global.u32' },
      writesTheSame: false,
      count: 3,
    };
    const other = await open(
      reportHtml(
        reportOf({
          checks: { findings: [race], reason: null },
          sources: [{ path: 'src/kernels/x.ts', lines: ['one', 'two'] }],
          originals: { 'src/kernels/x.ts:2': 'trtllm_alltoall.cuh:7' },
        }),
        PAGE!,
      ),
    );
    const text = await other.page.locator('#findings').innerText();
    for (const part of ['Data race on global memory: tail of link 0 -> 1', 'st.global.u32', 'x.ts:2', ':7', 'two']) {
      expect(text).toContain(part);
    }
    expect(other.complaints).toEqual([]);
  });

  test('by keys alone: everything is reached, named and works', async () => {
    const { page, complaints } = await open(await reportedOnce(hang));
    const names: string[] = [];
    for (let count = 0; count < 300; count++) {
      await page.keyboard.press('Tab');
      const name = (await page.evaluate(NAME_IN_FOCUS)) as string | null;
      if (name === null) break;
      names.push(name);
    }
    expect(names).not.toContain('');
    expect(names.filter((name) => name.startsWith('without outline'))).toEqual([]);
    for (const name of ['Summary', 'Step', 'States of warps over time', 'Wait-for graph', 'Bytes of the packet']) {
      expect(names).toContain(name);
    }
    expect(names.some((name) => name.startsWith('Source of src/kernels/'))).toBe(true);

    await page.getByRole('slider', { name: 'Step' }).focus();
    await page.keyboard.press('Home');
    expect(await stepOf(page)).toBe('0');
    await page.keyboard.press('ArrowRight');
    expect(await stepOf(page)).toBe('1');
    await page.getByRole('application').focus();
    await page.keyboard.press('ArrowDown');
    expect(await page.locator('#time .readout').innerText()).toMatch(
      /^rank 0 block \(0,0,0\) warp 0 sending group for peer rank 0/,
    );
    await page.keyboard.press('Shift+ArrowRight');
    const changed = Number(await stepOf(page));
    expect(changed).toBeGreaterThan(1);
    await page.keyboard.press('+');
    await page.keyboard.press(']');
    await page.keyboard.press('End');
    expect(await stepOf(page)).toBe('7426');
    expect(complaints).toEqual([]);
  });

  test.each([
    ['light', hang],
    ['dark', small],
  ] as const)('in %s: names, roles and contrast (axe-core)', async (colorScheme, path) => {
    const { page } = await open(await reportedOnce(path), { colorScheme });
    for (const summary of await page.locator('details > summary').all()) await summary.click();
    expect(await axeFindings(page)).toEqual([]);
  });

  test('the theme follows the system', async () => {
    const { page } = await open(reportHtml(reportOf({}), PAGE!), { colorScheme: 'light' });
    const paper = (): Promise<unknown> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(await paper()).toBe('rgb(255, 255, 255)');
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await paper()).toBe('rgb(20, 23, 28)');
  });

  test('a run of one warp and one that never began', async () => {
    const tiny = madeUpTimeline({ warps: 1, waits: 0, fifos: 0, fifoEvents: 0, flows: 0 }, 1);
    for (const timeline of [tiny, { ...tiny, steps: 1 }, null]) {
      const { page, complaints } = await open(reportHtml(reportOf({ timeline }), PAGE!));
      expect(await page.locator('#time').count()).toBe(1);
      expect(complaints).toEqual([]);
    }
  });

  test('nothing overflows the page sideways', async () => {
    const { page } = await open(await reportedOnce(hang));
    for (const width of [1280, 700]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    }
  });
});

describe.skipIf(noBrowser !== null)('whatever a capture is called', () => {
  const evil = `"><img src=x onerror=alert(1)></script><script>alert(2)</script><!--'&\u2028`;

  test('names are text: nothing runs and nothing is loaded', async () => {
    const data: ReportData = reportOf({
      summary: {
        file: evil,
        op: evil,
        shape: evil,
        problem: evil,
        schedule: evil,
        recordedBy: [[evil, evil]],
        commands: [[evil, evil]],
        digests: [{ name: evil, tensors: 1, bytes: 1, sha256: evil }],
      },
      difference: { tensor: evil, location: evil, expected: 1, got: 2, memory: null },
      graph: {
        rootCause: { cause: evil, sentence: evil, advice: evil },
        alsoFound: [],
        nodes: [{ id: 1, title: evil, lines: [evil], place: { functionName: evil, file: evil, line: 1 } }],
        edges: [{ from: 1, to: 1, why: evil, isNeeded: true }],
      },
      checks: { findings: null, reason: evil },
      timelineReason: evil,
      sources: [{ path: evil, lines: [evil] }],
      originals: { [`${evil}:1`]: evil },
    });
    const { page, complaints } = await open(reportHtml(data, PAGE!));
    await page.waitForSelector('#source');
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('h1').getAttribute('title')).toBe(evil);
    expect(await page.title()).toContain('<script>alert(2)');
    expect(await page.locator('script').count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  test('the policy stops what would be in the page all the same', async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests++;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const html = reportHtml(reportOf({}), PAGE!).replace(
      '<div id="page">',
      `<script>document.title = 'run'</script><img src="http://127.0.0.1:${port}/x" onerror="document.title = 'run'"><div id="page">`,
    );
    const { page, complaints } = await open(html);
    await page.waitForSelector('main');
    await page.waitForTimeout(100);
    server.close();
    expect(await page.title()).not.toBe('run');
    expect(complaints.some((text) => text.includes('Content Security Policy'))).toBe(true);
    expect(requests).toBe(0);
  });

  test('a file with such a name and such a maker', async () => {
    const path = join(folder(), `<img src=x onerror=alert(1)>.safetensors`);
    const capture = readCapture(small);
    writeCapture(path, { ...capture, provenance: { ...capture.provenance, device: evil } });
    const { page, complaints } = await open(await reported(path, 0));
    expect(await page.locator('h1').innerText()).toBe('<img src=x onerror=alert(1)>.safetensors');
    expect(await page.locator('#summary dl').innerText()).toContain('onerror=alert(1)');
    expect(await page.locator('img').count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});

describe('simtwin report', () => {
  test('the same call gives the same file', async () => {
    const first = await reported(small, 0, ['--schedule', 'random:3']);
    expect(await reported(small, 0, ['--schedule', 'random:3'])).toBe(first);
    expect(await reported(small, 0, ['--schedule', 'random:4'])).not.toBe(first);
  });

  test('says what it has written', async () => {
    const out = join(folder(), 'said.html');
    const { exitCode, stdout } = await simtwin(['report', small, '--no-checks', '-o', out]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /ep2-f16x8\.safetensors\.br: match, completes after [\d,]+ steps; .*said\.html \([\d.]+ KiB\)\n$/,
    );
    expect(readFileSync(out, 'utf8')).toContain('--no-checks was given');
  });

  test.each([
    [['report', small], "required option '-o, --out <file>' not specified"],
    [['report', small, '-o', '/no/such/folder/x.html'], 'there is no folder /no/such/folder'],
    [['report', fixtures, '-o', 'x.html'], 'must be a capture, but is a folder'],
    [['report', 'no-such.safetensors', '-o', 'x.html'], 'no-such.safetensors: '],
    [['report', small, '-o', 'x.html', '--schedule', 'sometimes'], '--schedule:'],
  ])('bad input is one line: %j', async (argv, message) => {
    const { exitCode, stdout, stderr } = await simtwin(argv);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(
      stderr
        .trimEnd()
        .split('\n')
        .filter((line) => !line.startsWith('(see')),
    ).toHaveLength(1);
  });

  test('no capture is overwritten', async () => {
    const path = join(folder(), 'copy.safetensors.br');
    copyFileSync(small, path);
    const { exitCode, stderr } = await simtwin(['report', path, '-o', path]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('would overwrite the input');
  });
});
