/** What a test may rely on in a session: not its folder, nor what changes with ports and engine: lines and steps. */
export const maskedSession = (text: string, folder: string): string =>
  text
    .replaceAll(`${folder}/`, '')
    .replace(/(src\/[\w./-]+\.ts):\d+/g, '$1:LINE')
    .replace(/\b(steps?) +[\d,]+/g, '$1 N')
    .replace(/[\d,]+ steps/g, 'N steps')
    .replace(/^(=>| {2}) {1,3}\d+ (?=[ :])/gm, '$1 LINE ');
