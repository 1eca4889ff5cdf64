// Draws what a terminal shows of a run as an SVG: each line appears when it was written, in less time than it took. Light and dark by the reader's own setting.

export type Line = { text: string; atMs: number };

const ESC = '\u001b';
const COLUMNS = 110;
const [CHARACTER, ROW, MARGIN] = [7.2, 17, 14];
/** A recording takes no longer than this; the pauses in it are shortened alike. */
const SHOWN_SECONDS = 14;

/** The colours that our own lines have (cli/render.ts), by what they mean on a terminal. */
const CLASSES: Readonly<Record<string, string>> = { '2': 'd', '31': 'r', '32': 'g', '33': 'y' };

export function renderSvg(lines: readonly Line[]): string {
  const rows = lines.flatMap(({ text, atMs }) => wrapped(text).map((row) => ({ row, atMs })));
  const [width, height] = [Math.ceil(COLUMNS * CHARACTER) + 2 * MARGIN, rows.length * ROW + 2 * MARGIN];
  const lastMs = Math.max(1, ...lines.map(({ atMs }) => atMs));
  const drawn = rows.map(({ row, atMs }, index) => {
    const seconds = ((atMs / lastMs) * SHOWN_SECONDS).toFixed(2);
    return `<text x="${MARGIN}" y="${MARGIN + (index + 1) * ROW - 4}" style="animation-delay:${seconds}s">${row.map(span).join('')}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    '<title>A run on a terminal</title>',
    `<style>${STYLE}</style>`,
    `<rect width="${width}" height="${height}" rx="8"/>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}

const STYLE = [
  'rect{fill:#f6f8fa;stroke:#d1d9e0}',
  'text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1f2328;white-space:pre;animation:show .1s both}',
  '.d{fill:#59636e}.r{fill:#d1242f}.g{fill:#1a7f37}.y{fill:#9a6700}',
  '@keyframes show{from{opacity:0}}',
  '@media(prefers-color-scheme:dark){rect{fill:#0d1117;stroke:#3d444d}text{fill:#f0f6fc}.d{fill:#9198a1}.r{fill:#f85149}.g{fill:#3fb950}.y{fill:#d29922}}',
  '@media(prefers-reduced-motion:reduce){text{animation:none}}',
].join('');

type Span = { text: string; colour: string };

/** A line as the rows of a terminal, each in parts of one colour. */
function wrapped(line: string): Span[][] {
  const rows: Span[][] = [[]];
  let [colour, length] = ['', 0];
  for (const part of line.split(new RegExp(`(${ESC}\\[\\d*m)`))) {
    const [, code] = /^.\[(\d*)m$/.exec(part) ?? [];
    if (code !== undefined) colour = CLASSES[code] ?? '';
    else
      for (let rest = part; rest !== ''; ) {
        if (length === COLUMNS) {
          rows.push([]);
          length = 0;
        }
        const text = rest.slice(0, COLUMNS - length);
        rows.at(-1)?.push({ text, colour });
        length += text.length;
        rest = rest.slice(text.length);
      }
  }
  return rows;
}

function span({ text, colour }: Span): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return colour === '' ? `<tspan>${escaped}</tspan>` : `<tspan class="${colour}">${escaped}</tspan>`;
}
