// What an image ships: the files of its app layer, unpacked, and its program run from them alone.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, relative } from 'node:path';
import { unpackLayer } from '../../engine/images/unpack.ts';
import { openLayout, readBase } from '../../src/oci/layout.ts';
import { readTar } from '../../src/oci/tar.ts';
import { filesIn, type Ran, resultOf, temporaryFolder } from './support.ts';

/** The folder that is /app in the image that a run built. */
export async function appOf({ output }: Pick<Ran, 'output'>): Promise<string> {
  const root = await temporaryFolder('shipped');
  const source = await openLayout(join(output, 'image.tar'));
  try {
    const { layers } = await readBase(source, resultOf({ output }).image?.digest ?? '', 'linux/amd64');
    const whiteout = () => Promise.reject(new Error('the image hides nothing'));
    const layer = layers.at(-1)?.digest ?? '';
    await unpackLayer(readTar(source.stream(layer)), root, { shift: 0, below: [], whiteout, aside: `${root}.aside` });
    return join(root, 'app');
  } finally {
    await source.close();
  }
}

export const shippedIn = (app: string): string[] => filesIn(app).map((path) => relative(app, path));

/** What the program answers, started as the image starts it; it says where it listens. */
export async function answerOf(app: string, path: string, file = 'dist/server.js'): Promise<string> {
  const program = spawn(process.execPath, [file], {
    ...{ cwd: app, env: { PORT: '0', NODE_ENV: 'production' }, stdio: ['ignore', 'pipe', 'pipe'] },
  });
  try {
    return await (await fetch(`http://127.0.0.1:${await portOf(program)}${path}`)).text();
  } finally {
    program.kill('SIGKILL');
  }
}

async function portOf(program: ChildProcess): Promise<number> {
  let log = '';
  for (const stream of [program.stdout, program.stderr]) stream?.on('data', (chunk: Buffer) => (log += chunk));
  const ended = once(program, 'close').then(() => Promise.reject(new Error(`it ended: ${log}`)));
  ended.catch(() => {}); // its end is of no interest once it has answered
  while (!/listening on \d+/.test(log))
    await Promise.race([once(program.stdout as NodeJS.ReadableStream, 'data'), ended]);
  return Number(/listening on (\d+)/.exec(log)?.[1]);
}
