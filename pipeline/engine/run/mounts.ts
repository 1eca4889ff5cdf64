// Mounts of the session. They live in mount namespaces of the engine's own and vanish with it, however it ends.
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { processName } from '../../src/process-name.ts';
import { TOOLS_FOLDER } from '../tools/elf.ts';
import { commandOf } from '../tools/install.ts';
import { REFUSAL } from './isolation.ts';

const run = promisify(execFile);

/** Where a session keeps what need not outlive it: a tmpfs over a folder that every Linux has, seen by the engine alone; else a folder of its own. */
export const SESSION_FOLDER = REFUSAL === undefined ? '/dev/shm' : join(tmpdir(), `drydock-${processName()}`);

/** What the folder holds. */
export const SESSION_FOLDERS = ['l', 'v', 'j', 'n', 'p', 'runtime'];

/** Overlays have the option since Linux 5.10. */
export function hasVolatile(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  return major > 5 || (major === 5 && minor >= 10);
}

const isRootless = Boolean(process.env.DRYDOCK_ROOTLESS);

/** What overlays note of files is in attributes that, without root, have to be a user's: else no folder of a layer below could be removed. */
const ATTRIBUTES = isRootless ? ',userxattr' : '';
/** The attribute of a folder that hides what layers below have in it. */
export const OPAQUE = `${isRootless ? 'user' : 'trusted'}.overlay.opaque`;

/**
 * More options for overlays that are written to. If they are not volatile, the kernel puts all that was written on disk when one is unmounted;
 * whether a layer has got there is known by other means (store/flushes.ts).
 */
export const WRITABLE = `${ATTRIBUTES}${hasVolatile(release()) ? ',volatile' : ''}`;

/** By the kernel's newer calls, the layers of a mount would have to be named in 256 bytes. */
export const BY_OLDER_CALL = { LIBMOUNT_FORCE_MOUNT2: 'always' };

/** How layers are read, and how one hides what is below it. */
export interface Views {
  /** A folder that shows these layers, given from the bottom up. */
  readonly readOnly: (folders: readonly string[]) => Promise<string>;
  /** How many layers can be shown at once. */
  readonly most: number;
  /** Marks a path as deleted, the way overlayfs reads it. */
  readonly whiteout: (path: string) => Promise<void>;
}

export class Mounts implements Views {
  /** Overlays take 500, of which a step has some of its own. */
  readonly most = 400;
  readonly #links = new Map<string, string>();
  #counter = 0;

  /** Prepares the session's folder. The engine must already be in a mount namespace of its own. */
  static async start(tools: string | undefined): Promise<Mounts> {
    const [program, ...words] = tools ? commandOf(tools, 'mount') : ['mount'];
    Object.assign(process.env, BY_OLDER_CALL);
    const mount = (...options: string[]) => run(program, [...words, ...options]);
    // Shared: what is mounted here later is to be seen by the namespace that steps start from, too.
    await mount('-t', 'tmpfs', '-o', 'mode=0711', '--make-shared', 'drydock', SESSION_FOLDER);
    for (const folder of SESSION_FOLDERS) mkdirSync(join(SESSION_FOLDER, folder), { mode: 0o711 });
    if (tools) {
      mkdirSync(TOOLS_FOLDER, { mode: 0o711 });
      await mount('--bind', tools, TOOLS_FOLDER);
      process.env.PATH = [join(TOOLS_FOLDER, 'bin'), process.env.PATH].join(delimiter);
    }
    return new Mounts();
  }

  /** A short name for a layer, because the options of a mount must fit in a page. Relative to `folder`. */
  short(path: string): string {
    const known = this.#links.get(path);
    if (known !== undefined) return known;
    const name = this.#links.size.toString(36);
    symlinkSync(path, join(this.folder, name));
    this.#links.set(path, name);
    return name;
  }

  /** The folder that short names are relative to: mount from there. */
  readonly folder = join(SESSION_FOLDER, 'l');

  /** The `lowerdir` option for folders given from the bottom up. */
  lowerdir(folders: readonly string[]): string {
    return folders
      .map((folder) => this.short(folder))
      .reverse()
      .join(':');
  }

  async readOnly(folders: readonly string[]): Promise<string> {
    const target = join(SESSION_FOLDER, 'v', String(this.#counter++));
    mkdirSync(target);
    await run(
      'mount',
      ['-t', 'overlay', 'overlay', '-o', `ro,lowerdir=${this.lowerdir(folders)}${ATTRIBUTES}`, target],
      {
        cwd: this.folder,
      },
    );
    return target;
  }

  async whiteout(path: string): Promise<void> {
    await run('mknod', [path, 'c', '0', '0']);
  }
}
