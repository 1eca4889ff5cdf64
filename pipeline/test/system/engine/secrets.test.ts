// Secrets: where they arrive, and that nobody else sees them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { failure, sdkSession, sh } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows, UUID } from './rows.ts';

const { dag, base, host } = sdkSession({ ENGINE_TEST_SECRET: 'hunter77' });

const rows: Row[] = [
  [
    'scrubbed also where the step is known already',
    async () => {
      const ran = base().withSecretVariable('S', dag.setSecret('again', 'mellon1234')).withExec(sh('echo $S'));
      return [await ran.stdout(), await ran.stdout()];
    },
    ['***\n', '***\n'],
  ],
  [
    'as it is for the command itself',
    () =>
      base()
        .withSecretVariable('S', dag.setSecret('count', 'mellon5678'))
        .withExec(sh('printf %s "$S" | wc -c'))
        .stdout(),
    '10\n',
  ],
  [
    'of several lines, scrubbed as a whole',
    () =>
      base().withSecretVariable('S', dag.setSecret('lines', 'line-one\nline-two')).withExec(sh('echo "$S"')).stdout(),
    '***\n',
  ],
  [
    'an empty one scrubs nothing',
    () => base().withSecretVariable('S', dag.setSecret('empty', '')).withExec(sh('echo [$S]abc')).stdout(),
    '[]abc\n',
  ],
  [
    'a variable taken away again',
    () =>
      base()
        .withSecretVariable('S', dag.setSecret('removed', 'abc12345'))
        .withoutSecretVariable('S')
        .withExec(sh('echo [$S]'))
        .stdout(),
    '[]\n',
  ],
  [
    'not among the variables of the container',
    async () => {
      const holder = base().withSecretVariable('S', dag.setSecret('variable', 'zyzzyva77'));
      const names = await Promise.all((await holder.envVariables()).map((variable) => variable.name()));
      return [await holder.envVariable('S'), names];
    },
    [null, ['PATH', 'BASE']],
  ],
  [
    'a file with the owner and the mode that were asked for',
    () =>
      base()
        .withMountedSecret('/s', dag.setSecret('file', 'xyzzy999'), { owner: 'app:nogroup', mode: 0o440 })
        .withExec(['stat', '-c', '%a %u %g', '/s'])
        .stdout(),
    '440 1000 65534\n',
  ],
  ['a file that is not there', () => errorOf(dag.secret('file:///no/such').plaintext()), refusal('/no/such')],
  [
    'two secrets of one cache key are one to the cache',
    async () => {
      const folder = await host({ one: 'value-one', two: 'value-two' });
      const ask = (name: string, cacheKey: string) =>
        base()
          .withSecretVariable('S', dag.secret(`file://${folder}/${name}`, { cacheKey }))
          .withExec(UUID)
          .stdout();
      const [one, two, other] = [await ask('one', 'key'), await ask('two', 'key'), await ask('two', 'other')];
      return [one === two, one === other];
    },
    [true, false],
  ],
  [
    'without a cache key its value is what the cache knows it by',
    async () => {
      const folder = await host({ one: 'value', same: 'value', other: 'value-two' });
      const ask = (name: string) =>
        base()
          .withSecretVariable('S', dag.secret(`file://${folder}/${name}`))
          .withExec(UUID)
          .stdout();
      const [one, same, other] = [await ask('one'), await ask('same'), await ask('other')];
      return [one === same, one === other];
    },
    [true, false],
  ],
  [
    'what is at its address is read each time that it is named',
    async () => {
      const folder = await host({ s: 'short' });
      const length = () =>
        base()
          .withSecretVariable('S', dag.secret(`file://${folder}/s`))
          .withExec(sh('printf %s "$S" | wc -c'))
          .stdout();
      const before = await length();
      await writeFile(join(folder, 's'), 'longer than that');
      return [before, await length()];
    },
    ['5\n', '16\n'],
  ],
  [
    'one that is no text',
    async () => {
      const folder = await host({});
      await writeFile(join(folder, 's'), Buffer.from([0xff, 0, 0x80, 0x0a]));
      const holder = base().withMountedSecret('/s', dag.secret(`file://${folder}/s`));
      return [await holder.withExec(sh('wc -c < /s')).stdout(), await holder.withExec(['cat', '/s']).stdout()];
    },
    ['4\n', '***'],
  ],
  [
    'scrubbed also without the newline at its end',
    async () => {
      const folder = await host({ s: 'swordfish4\n' });
      return base()
        .withMountedSecret('/s', dag.secret(`file://${folder}/s`))
        .withExec(sh('printf "[%s]" "$(cat /s)"'))
        .stdout();
    },
    '[***]',
  ],
  [
    'by its name or by its address',
    async () => {
      const [found, set] = [dag.secret('env://ENGINE_TEST_SECRET'), dag.setSecret('named', 'x')];
      return [await found.name(), await found.uri(), await set.name(), await set.uri()];
    },
    ['', 'env://ENGINE_TEST_SECRET', 'named', ''],
  ],
  [
    'over a file that is mounted at its path, for commands alone',
    async () => {
      const holder = base()
        .withMountedSecret('/s', dag.setSecret('above', 'hidden'))
        .withMountedFile('/s', dag.file('s', 'seen'));
      return [
        await holder.withExec(sh('wc -c < /s')).stdout(),
        await holder.file('/s').contents(),
        await holder.mounts(),
      ];
    },
    ['6\n', 'seen', ['/s']],
  ],
  [
    'the value of the environment is not in an error of a later step',
    async () => {
      await dag.secret('env://ENGINE_TEST_SECRET').plaintext();
      const { message, stdout, stderr } = await failure(base().withExec(sh('echo hunter77; false hunter77')).sync());
      return [message, stdout, stderr].join().includes('hunter77');
    },
    false,
  ],
  [
    'a short one is a word like any other to those that do not have it',
    async () => {
      const held = base().withSecretVariable('S', dag.setSecret('short', 'word')).withExec(['echo', 'word']);
      return [await held.stdout(), await base().withExec(['echo', 'word']).stdout()];
    },
    ['***\n', 'word\n'],
  ],
  [
    'not in the error of a service that dies',
    async () => {
      const service = base()
        .withSecretVariable('S', dag.setSecret('service', 'swordfish1'))
        .withExposedPort(9)
        .asService({ args: sh('echo $S; echo pass=$S >&2; exit 3') });
      const error = await failure(service.start());
      return [JSON.stringify(error).includes('swordfish1'), error.stderr];
    },
    [false, 'pass=***\n'],
  ],
  [
    'neither the variable nor the file is in an image',
    async () => {
      const out = await host({});
      const built = base()
        .withSecretVariable('S', dag.setSecret('exported', 'swordfish2'))
        .withMountedSecret('/run/s', dag.setSecret('exported file', 'swordfish3'))
        .withExec(sh('test "$S" != "" && test -s /run/s && echo made > /made'));
      await built.export(join(out, 'image.tar'));
      const image = dag.container().import_(dag.host().file(join(out, 'image.tar')));
      return [
        await image.file('/made').contents(),
        await image.envVariable('S'),
        await errorOf(image.file('/run/s').contents()),
      ];
    },
    ['made\n', null, expect.stringMatching(/^GraphQLRequestError/)],
  ],
];
testRows(rows);
