// Makes lock.json again: `npx tsx pipeline/test/system/programs/lock.ts`. Programs that tests hold the tool against, and no recipe has.
import { writeFile } from 'node:fs/promises';
import { makeLock } from '../../../engine/images/assembled/lock.ts';
import { hostRegistries } from '../../../engine/images/assembled/registries.ts';

const lock = await makeLock(
  'test-programs',
  {
    debian: {
      suite: 'trixie',
      essential: false,
      packages: [
        ...['docker-compose', 'runc', 'skopeo'],
        // The libraries that they name, and the ones that those do.
        ...['libc6', 'libseccomp2', 'libgpgme11t64', 'libassuan9', 'libgpg-error0', 'libsqlite3-0'],
      ],
      dependencies: false,
      without: {},
    },
    npm: [],
    pypi: [],
  },
  hostRegistries(),
);
await writeFile(new URL('lock.json', import.meta.url), `${JSON.stringify(lock, null, 2)}\n`);
