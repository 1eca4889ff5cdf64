// A small program with a right answer, for the chaos run: a chain of steps, a folder, a volume, a service, and what came of them.
import { connection, dag } from '@dagger.io/dagger';

const [archive = '', round = '', ending = ''] = process.argv.slice(2);
const sh = (script: string) => ['sh', '-c', script];

await connection(async () => {
  const base = dag.container().import_(dag.host().file(archive)).withEnvVariable('ROUND', round);
  let chain = base;
  for (let step = 1; step <= 4; step += 1) chain = chain.withExec(sh(`echo ${step} >> /steps; sleep 0.1`));
  // As package managers keep what they fetched: with its hash, and fetched again where that is another.
  chain = chain
    .withMountedCache('/volume', dag.cacheVolume('shared'))
    .withExec(sh('cd /volume; sha256sum -cs sum || { echo kept > kept; sha256sum kept > sum; }; cp kept /kept'))
    .withoutMount('/volume');
  const folder = dag.directory().withNewFile('word', 'mounted');
  const web = base
    .withNewFile('/www/index.html', 'served')
    .withExposedPort(8080)
    .asService({ args: ['httpd', '-f', '-p', '8080', '-h', '/www'] });
  const answer = chain
    .withMountedDirectory('/folder', folder)
    .withServiceBinding('web', web)
    .withEnvVariable('ENDING', ending)
    .withExec(
      sh(
        'tr "\\n" " " < /steps; cat /folder/word; echo -n " "; echo -n $(cat /kept) ""; wget -qO- http://web:8080/index.html',
      ),
    );
  console.log(await answer.stdout());
});
