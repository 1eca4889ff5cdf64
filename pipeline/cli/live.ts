// The live display: the lines that stay, and below them what goes on, drawn again ten times a second and whenever the window changes its size.
import { join } from 'node:path';
import { asLines, oneLine, safeLines } from '../src/core/safe-text.ts';
import { Ongoing } from './ongoing.ts';
import { linesOf, painter, type Renderer, type RenderOptions } from './render.ts';
import { fileLink } from './terminal.ts';

const REDRAW_MS = 100;
const ESC = '\u001b';
/** Rows that are wider than counted, as with Chinese signs, are cut by the terminal: none is ever wrapped when it is drawn. */
const [NO_WRAP, WRAP] = [`${ESC}[?7l`, `${ESC}[?7h`];
const [TO_END_OF_ROW, TO_END_OF_SCREEN] = [`${ESC}[K`, `${ESC}[J`];

export function renderTty(options: RenderOptions): Renderer {
  const { screen, now = Date.now } = options;
  const paint = painter(screen.hasColour);
  const phrase = linesOf(options);
  const ongoing = new Ongoing(options.asked ?? [], options.startedMs ?? now());
  let lengths: number[] = [];
  let isOver = false;
  /** A window that was made narrower has wrapped what stood there. */
  const toTop = () => {
    const height = lengths.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / screen.columns())), 0);
    lengths = [];
    return height === 0 ? '' : `${ESC}[${height}A`;
  };
  const draw = (kept: readonly string[] = []) => {
    const rows = isOver ? [] : fitted(ongoing.rows(now()), screen.columns() - 1, screen.rows() - 1);
    const stay = withLink(safeLines(asLines(kept)), options).replaceAll('\n', `${TO_END_OF_ROW}\n`);
    const drawn = rows.map((row) => `${safeLines(paint('dim', row))}${TO_END_OF_ROW}\n`).join('');
    const top = toTop();
    lengths = rows.map((row) => row.length);
    if (top + stay + drawn === '') return;
    screen.control([top, stay, drawn === '' ? '' : `${NO_WRAP}${drawn}${WRAP}`, TO_END_OF_SCREEN].join(''));
  };
  const stopResize = screen.onResize(() => draw());
  const timer = setInterval(draw, REDRAW_MS, []);
  timer.unref();
  draw();
  return {
    listener: (event) => {
      ongoing.take(event, now());
      if (event.kind === 'run-finished') isOver = true;
      draw(phrase(event));
    },
    close: () => {
      clearInterval(timer);
      stopResize();
      isOver = true;
      draw();
    },
  };
}

/** The path of the report, as one that can be clicked. */
function withLink(text: string, { output, folder }: RenderOptions): string {
  if (folder === undefined) return text;
  const path = `report: ${output}/report.html`;
  return text.replace(path, () => fileLink(path, join(folder, 'report.html')));
}

/** What has room: of too many rows the last, which holds the total, stays. */
function fitted(rows: readonly string[], columns: number, most: number): string[] {
  const shown = rows.length <= most ? rows : [...rows.slice(0, Math.max(0, most - 1)), ...rows.slice(-1)];
  return shown.map((row) => cut(oneLine(row).replaceAll('\t', ' '), Math.max(1, columns)));
}

function cut(text: string, columns: number): string {
  const characters = Array.from(text);
  return characters.length <= columns ? text : `${characters.slice(0, columns - 1).join('')}…`;
}
