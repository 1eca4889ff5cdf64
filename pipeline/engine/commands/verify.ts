// `gc --verify`: reads every byte of every layer, and throws away what is not as it was made.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isWholeLayer, LAYER_MARK } from '../store/store.ts';

/** Lines for people. What is thrown away is not found by any later session, and so made again. */
export async function verify(root: string): Promise<string[]> {
  const folder = join(root, 'layers');
  const ids = existsSync(folder) ? readdirSync(folder).sort() : [];
  const damaged: string[] = [];
  for (const id of ids) {
    if (await isWholeLayer(join(folder, id))) continue;
    rmSync(join(folder, id, LAYER_MARK), { force: true });
    damaged.push(id);
  }
  return [
    ...damaged.map((id) => `layer ${id} was not what was made, and is thrown away`),
    `${ids.length - damaged.length} of ${ids.length} layers are as they were made`,
  ];
}
