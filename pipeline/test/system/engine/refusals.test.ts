// What the embedded engine does not have it refuses by name, with the way out, before anything runs.
import { expect } from 'vitest';
import { failure, sdkSession, sh } from '../sdk-session.ts';
import { errorOf, type Row, testRows } from './rows.ts';

const { dag, base } = sdkSession();
const missing = (field: string) =>
  expect.stringMatching(`^GraphQLRequestError: .*not in the embedded engine: .*${field}.*--engine dagger`);

const rows: Row[] = [
  ['Directory.search', () => errorOf(dag.directory().search({ pattern: 'x' })), missing('Directory.search')],
  ['Directory.asModule', () => errorOf(dag.directory().asModule().sync()), missing('Directory.asModule')],
  [
    'a shell where nobody sits',
    () => errorOf(base().terminal().sync()),
    expect.stringMatching('^GraphQLRequestError: the engine was given no terminal'),
  ],
  [
    'git over ssh',
    () => errorOf(dag.git('git@example.invalid:x/y').head().commit()),
    missing('git of an address of ssh'),
  ],
  ['Host.unixSocket', () => errorOf(dag.host().unixSocket('/x').id()), missing('Host.unixSocket')],
  ['secrets of a command', () => errorOf(dag.secret('cmd://echo x').plaintext()), missing('secrets from cmd://')],
  [
    'a step for another machine, before its image is looked for',
    () =>
      errorOf(
        dag
          .container({ platform: 'linux/s390x' as never })
          .from('registry.example/x:1')
          .withExec(['true'])
          .sync(),
      ),
    expect.stringMatching('^GraphQLRequestError: programs for linux/s390x do not run on this machine'),
  ],
  [
    'a session inside a step',
    () => errorOf(base().withExec(['true'], { experimentalPrivilegedNesting: true }).sync()),
    missing('experimentalPrivilegedNesting'),
  ],
  [
    'all capabilities of root, for a service',
    () =>
      errorOf(
        base()
          .asService({ args: ['true'], insecureRootCapabilities: true })
          .start(),
      ),
    missing('insecureRootCapabilities'),
  ],
  [
    'nothing runs of a request that is refused further on',
    async () => {
      const volume = dag.cacheVolume('refused');
      const withVolume = base().withMountedCache('/c', volume);
      await failure(withVolume.withExec(sh('touch /c/ran')).exportImage('x'));
      return withVolume.withExec(['ls', '/c']).stdout();
    },
    '',
  ],
];
testRows(rows);
