import { render } from 'preact';
import { unpackReport } from '../report/pack.js';
import type { ReportData } from '../report/report-data.js';
import { App } from './app.js';

/** The data of a report that stands in the page itself, as `reportHtml` writes it. */
const embedded = document.getElementById('report')?.textContent ?? '';
const root = document.getElementById('page');
if (root !== null) {
  root.textContent = '';
  render(<App data={unpackReport(embedded) as ReportData} />, root);
}
