// A multi-stage build: what one image makes is all that another, smaller one gets, and the result is an image of its own.
import { connection, dag } from '@dagger.io/dagger';
import { pinned } from '../../../src/pins.ts';

const SOURCE = `export const greet = (name: string): string => \`hello \${name}\`;
console.log(greet(process.argv[2] ?? 'nobody'));
`;

await connection(async () => {
  const source = dag.directory().withNewFile('greet.ts', SOURCE).withNewFile('package.json', '{"type":"module"}');
  const built = dag
    .container()
    .from(pinned('node'))
    .withDirectory('/src', source)
    .withWorkdir('/src')
    .withExec([
      'sh',
      '-c',
      `mkdir /out && node -e "
      const { stripTypeScriptTypes } = require('node:module');
      const { readFileSync, writeFileSync } = require('node:fs');
      writeFileSync('/out/greet.mjs', stripTypeScriptTypes(readFileSync('greet.ts', 'utf8')));
    "`,
    ]);
  const shipped = dag
    .container()
    .from(pinned('runtime'))
    .withDirectory('/app', built.directory('/out'), { owner: '65532:65532' })
    .withEntrypoint(['/nodejs/bin/node', '/app/greet.mjs']);
  console.log(
    JSON.stringify({
      files: await shipped.directory('/app').entries(),
      hasSource: await shipped.exists('/src'),
      hasShell: await shipped.exists('/bin/sh'),
      user: await shipped.user(),
      said: await shipped.withExec(['you'], { useEntrypoint: true }).stdout(),
    }),
  );
});
