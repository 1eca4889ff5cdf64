// A matrix: the same test in every combination of settings, side by side; one combination that fails does not hide the others.
import { connection, dag, ReturnType } from '@dagger.io/dagger';
import { pinned } from '../../../src/pins.ts';

const ZONES = ['UTC', 'Asia/Kathmandu', 'America/St_Johns'];
const LANGUAGES = ['en-GB', 'de-DE'];
const PROGRAM = `
const shown = new Date(0).toLocaleTimeString(process.env.LANGUAGE, { timeZone: process.env.ZONE });
console.log(shown);
process.exit(/:00:00/.test(shown) ? 0 : 1);
`;

await connection(async () => {
  const base = dag.container().from(pinned('node')).withNewFile('/show.cjs', PROGRAM);
  const combinations = ZONES.flatMap((zone) => LANGUAGES.map((language) => ({ zone, language })));
  const results = await Promise.all(
    combinations.map(async ({ zone, language }) => {
      const ran = base
        .withEnvVariable('ZONE', zone)
        .withEnvVariable('LANGUAGE', language)
        .withExec(['node', '/show.cjs'], { expect: ReturnType.Any });
      return [zone, language, (await ran.stdout()).trim(), await ran.exitCode()];
    }),
  );
  console.log(JSON.stringify(results));
});
