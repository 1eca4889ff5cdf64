// The version of what is on disk: a store that another version wrote is left alone.
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENGINE_COMMAND } from '../../src/command.ts';
import { processName } from '../../src/process-name.ts';
import { EnvironmentError } from '../errors.ts';

/** Changes whenever what is on disk would be read wrongly by another version. */
export const FORMAT = 2;

const STAMP = 'format';
const textOf = (format: number) => `drydock store ${format}\n`;

/** What a store's folder says of itself. The first format, `store-v1`, had no stamp. */
export function formatOf(root: string): number | 'empty' | 'damaged' {
  if (!existsSync(root) || readdirSync(root).every((name) => name.startsWith(`${STAMP}.`))) return 'empty';
  try {
    const text = readFileSync(join(root, STAMP), 'utf8');
    const format = Number(/^drydock store (\d+)\n$/.exec(text)?.[1] ?? Number.NaN);
    return Number.isNaN(format) ? 'damaged' : format;
  } catch {
    return 'damaged';
  }
}

/** Stamps a new store; throws when what is there is not ours to use. */
export function claimFormat(root: string): void {
  const format = formatOf(root);
  if (format === FORMAT) return;
  if (format === 'empty') {
    const aside = join(root, `${STAMP}.${processName()}`);
    writeFileSync(aside, textOf(FORMAT), { flush: true });
    renameSync(aside, join(root, STAMP));
    return;
  }
  const fault =
    format === 'damaged'
      ? `the store at ${root} does not say which version wrote it: its file \`${STAMP}\` is damaged or missing`
      : `the store at ${root} has format ${format}, this engine reads ${FORMAT}`;
  throw new EnvironmentError(
    fault,
    `remove it with \`${ENGINE_COMMAND} gc --all\`, or set XDG_CACHE_HOME to another folder`,
  );
}
