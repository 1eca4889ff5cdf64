// `gc --verify`: reads every byte of every layer, and throws away what is not as it was made.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isWholeLayer, markOf, markPlace } from '../store/store.ts';

/** Lines for people. What is thrown away is not found by any later session, and so made again. */
export async function verify(root: string): Promise<string[]> {
  const folder = join(root, 'layers');
  const ids = existsSync(folder) ? readdirSync(folder).sort() : [];
  const [unmarked, damaged]: [string[], string[]] = [[], []];
  for (const id of ids)
    if ((await markOf(root, id)) === undefined) unmarked.push(id);
    else if (!(await isWholeLayer(root, id))) damaged.push(id);
  for (const id of [...unmarked, ...damaged]) rmSync(join(root, markPlace(id)), { force: true });
  return [
    ...damaged.map((id) => `layer ${id} was not what was made, and is thrown away`),
    ...(unmarked.length === 0
      ? []
      : [`no mark of their own (another version’s, or moved), thrown away: ${unmarked.length}`]),
    `${ids.length - damaged.length - unmarked.length} of ${ids.length} layers are as they were made`,
  ];
}
