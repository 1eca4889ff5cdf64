// What the report can do besides being read, where scripts run: filter the tests. Without it the page lacks nothing else.
import { createHash } from 'node:crypto';

export const SCRIPT = `
for (const filter of document.querySelectorAll('.filter')) {
  const rows = [...filter.parentElement.querySelectorAll('tbody tr')].map((row) => [row, row.textContent.toLowerCase()]);
  filter.hidden = false;
  filter.querySelector('input').addEventListener('input', ({ target }) => {
    const words = target.value.toLowerCase().split(/\\s+/);
    for (const [row, text] of rows) row.hidden = !words.every((word) => text.includes(word));
  });
}
`;

/** The policy of the page lets this script run, and none that a test or a log brings. */
export const SCRIPT_HASH = `sha256-${createHash('sha256').update(SCRIPT).digest('base64')}`;
