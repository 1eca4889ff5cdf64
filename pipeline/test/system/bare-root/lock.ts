// Makes the locks of the bare roots again: `npx tsx pipeline/test/system/bare-root/lock.ts`.
import { writeFile } from 'node:fs/promises';
import { makeLock } from '../../../engine/images/assembled/lock.ts';
import { hostRegistries } from '../../../engine/images/assembled/registries.ts';
import { SUITES, wantsOf } from './wants.ts';

for (const suite of SUITES) {
  const lock = await makeLock(`bare-${suite}`, wantsOf(suite), hostRegistries());
  await writeFile(new URL(`./${suite}.json`, import.meta.url), `${JSON.stringify(lock, null, 2)}\n`);
}
