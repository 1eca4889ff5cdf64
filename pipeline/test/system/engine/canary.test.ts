// A secret that is used in every way there is, and then looked for in everything that is left. First, that the search finds what is there.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Container, ReturnType } from '@dagger.io/dagger';
import { beforeAll, describe, expect, test } from 'vitest';
import { tarOf } from '../../oci/helpers.ts';
import { failure, sdkSession, sh } from '../sdk-session.ts';
import { placesThatHold } from '../search.ts';
import { temporaryFolder } from '../support.ts';
import { file } from './crafted-images.ts';

// Put together here, so that no line of this file that gets anywhere holds it.
const CANARY = ['canary', 'quetzalcoatl', '41c7'].join('_');
const HALVES = [CANARY.slice(0, 11), CANARY.slice(11)];

describe('the search', () => {
  const plants: [name: string, bytes: () => Buffer | Promise<Buffer>, found: RegExp | null][] = [
    ['nothing', () => Buffer.from(HALVES.join(' ')), null],
    ['clear', () => Buffer.from(`x${CANARY}y`), /in clear$/],
    ['hex', () => Buffer.from(`x${Buffer.from(CANARY).toString('hex')}`), /in hex$/],
    ['base64', () => Buffer.from(Buffer.from(CANARY).toString('base64')), /in base64/],
    ['base64, moved by one', () => Buffer.from(Buffer.from(`:${CANARY}:`).toString('base64')), /in base64/],
    ['base64, moved by two', () => Buffer.from(Buffer.from(`a:${CANARY}!!`).toString('base64url')), /in base64/],
    ['gzip', () => gzipSync(`x${CANARY}`), /in clear, within gzip$/],
    ['a gzip in a gzip', () => gzipSync(gzipSync(CANARY)), /in clear, within gzip, within gzip$/],
    ['an archive', () => tarOf([file('f', CANARY)]), /in clear$/],
    ['a layer of an archive', () => tarOf([file('blob', gzipSync(CANARY))]), /in clear, within gzip, within blob$/],
    ['zstd', () => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]), /cannot open$/],
  ];
  for (const [name, bytes, expected] of plants) {
    test(`finds it in ${name}`, async () => {
      const folder = await temporaryFolder('search');
      mkdirSync(join(folder, 'below'));
      writeFileSync(join(folder, 'below', 'f'), await bytes());
      const found = await placesThatHold(CANARY, [folder]);
      expect(found).toEqual(expected === null ? [] : [expect.stringMatching(expected)]);
    });
  }
});

describe('what a session leaves', () => {
  const t = sdkSession({ ENGINE_TEST_CANARY: CANARY, DRYDOCK_EVENTS: 'json' });
  const { dag, base, host } = t;
  /** What clients were told: outputs and errors. */
  const told: string[] = [];
  let exported: string;

  const tell = async (answer: Promise<unknown>) => void told.push(JSON.stringify(await answer));
  const fails = (container: Container) => tell(failure(container.sync()));

  beforeAll(async () => {
    exported = await host({ canary: CANARY });
    const secrets = [
      dag.setSecret('given', CANARY),
      dag.secret('env://ENGINE_TEST_CANARY'),
      dag.secret(`file://${exported}/canary`),
    ];
    exported = await host({});
    for (const [index, secret] of secrets.entries()) {
      const holder = base()
        .withSecretVariable('S', secret)
        .withMountedSecret('/run/s', secret)
        .withEnvVariable('ORIGIN', String(index));
      // A variable and a file: said on both streams, in one piece, in two writes, and torn between the streams.
      const says = holder.withExec(
        sh(
          `echo "$S"; cat /run/s >&2; half=$(printf %.11s "$S"); rest=\${S#$half}
           printf %s "$half"; sleep 0.2; echo "$rest"; printf %s "$half" >&2; sleep 0.2; printf %s "$rest" >&2
           printf %s "$half"; sleep 0.2; printf %s "$rest" >&2; sleep 0.2; echo; echo "$S" > /dev/shm/s; echo said > /said`,
        ),
      );
      await tell(says.stdout());
      await tell(says.stderr());
      await tell(says.combinedOutput());
      await tell(says.envVariable('S'));
      // An error: by its output, by its command, and by what the runtime says of a command that is not there.
      await fails(holder.withExec(sh('echo "$S"; echo "$S" >&2; exit 3')));
      await fails(holder.withExec(sh(`exit 4; ${CANARY}`)));
      await fails(holder.withExec([`/no/${CANARY}`]));
      await fails(holder.withWorkdir(`/${CANARY}`).withExec(['false']));
      await tell(holder.withExec(sh('echo "$S"; kill -9 $$'), { expect: ReturnType.Any }).stdout().catch(String));
      // An argument of a build: the value itself in a command and in a variable.
      const value = await secret.plaintext();
      const built = base()
        .withEnvVariable('ARGUMENT', value)
        .withExec(sh(`test "$ARGUMENT" = ${value}; echo "$ARGUMENT"`));
      await tell(built.stdout());
      await fails(built.withExec([value]));
      // A service: one that runs, says it and is asked for it, and one that dies.
      const script = 'echo "$S"; cat /run/s >&2; mkdir /www; exec httpd -f -p 8080 -h /www';
      const service = holder.withExposedPort(8080).asService({ args: sh(script) });
      await tell(base().withServiceBinding('w', service).withExec(sh('wget -qO- http://w:8080/ 2>&1; true')).stdout());
      await service.stop();
      await tell(
        failure(
          holder
            .withExposedPort(9)
            .asService({ args: sh('echo "$S"; cat /run/s >&2; exit 5') })
            .start(),
        ),
      );
      // What leaves: an image and a folder.
      await says.export(join(exported, `${index}.tar`));
      await says.directory('/').export(join(exported, `folder-${index}`));
    }
  });

  test('it was used, and what was said was masked', () => {
    expect(told.filter((text) => text.includes('***')).length).toBeGreaterThan(20);
  });

  const looks: [where: string, places: () => string[]][] = [
    ['outputs and errors', () => [written('told', told.join('\n'))]],
    ['what the engine says and its events', () => [written('said', t.said())]],
    ['the whole store: keys, records, outputs, layers, blobs', () => [join(t.tmp, 'cache')]],
    ['images and folders that were exported', () => [exported]],
    [
      'what the session keeps in memory for its steps',
      () => ['j', 'runtime'].map((name) => `/proc/${t.pid}/root/dev/shm/${name}`),
    ],
  ];
  for (const [where, places] of looks) {
    test(`it is not in ${where}`, async () => expect(await placesThatHold(CANARY, places())).toEqual([]));
  }

  function written(name: string, text: string): string {
    expect(text).not.toBe('');
    const path = join(t.tmp, name);
    writeFileSync(path, text);
    return path;
  }
});
