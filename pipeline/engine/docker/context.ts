// The folder that a build reads: without what its .dockerignore leaves out.
import { BadPattern } from '../../src/oci/wildcards.ts';
import { fileIn, statusOf } from '../api/content.ts';
import { copied } from '../api/directory.ts';
import { EngineError } from '../errors.ts';
import type { Session } from '../session.ts';
import { readBytes } from '../store/bytes.ts';
import { type Content, type DirectoryValue, wholeTree } from '../values.ts';

/** A Dockerfile's own list counts in the place of the folder's. */
export async function contextOf(session: Session, directory: DirectoryValue, dockerfile: string): Promise<Content> {
  const content = await directory.content();
  for (const path of [`${dockerfile}.dockerignore`, '.dockerignore']) {
    if ((await statusOf(session, content, path, true))?.type !== 'REGULAR') continue;
    const text = readBytes((await fileIn(session, content, path)).bytes, path).toString();
    const tree = await copied(session, directory, { exclude: ignored(text) }, {}).catch((error) => {
      throw error instanceof EngineError && error.cause instanceof BadPattern ? error.located(path) : error;
    });
    return wholeTree(tree);
  }
  return wholeTree(await copied(session, directory, {}, {}));
}

/** The patterns of a .dockerignore file, the root being the folder itself: `/a` is `a`, and `.` leaves out nothing. */
export const ignored = (text: string): string[] =>
  text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.trim().replace(/^(!?)\s*\/+(?=.)/, '$1'))
    .filter((line) => !/^!?(\.\/?)?$/.test(line));
