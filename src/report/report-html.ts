import { packReport } from './pack.js';
import type { PageBundle } from './page-bundle.js';
import type { ReportData } from './report-data.js';

/**
 * A report as one HTML file that opens offline: the page's style and script, and the data as JSON. Its
 * Content-Security-Policy lets nothing else run and nothing be loaded.
 */
export function reportHtml(data: ReportData, page: PageBundle): string {
  const policy = [
    "default-src 'none'",
    `script-src '${page.scriptDigest}'`,
    `style-src '${page.styleDigest}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(`${data.summary.file}: simtwin report`)}</title>
<style>${page.style}</style>
</head>
<body>
<div id="page"><noscript>This report is drawn by the script that it contains; scripts are switched off here.</noscript></div>
<script type="application/json" id="report">${packReport(data)}</script>
<script>${page.script}</script>
</body>
</html>
`;
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
