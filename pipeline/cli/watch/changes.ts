// Notices when files of the repository change: those that git tracks, or would. Whatever git ignores changes nothing.
import { type FSWatcher, lstatSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { onDisk } from '../../src/oci/names.ts';
import { listFiles } from '../git-files.ts';

/** An editor saves in several steps, and a formatter saves once more. */
const QUIET_MS = 150;

/** What of a file says that it is another: paths with size, time and kind. */
type Snapshot = ReadonlyMap<string, string>;

export class Changes {
  readonly #root: string;
  readonly #watchers = new Map<string, FSWatcher>();
  #known: Snapshot;
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> = Promise.resolve();
  #pending = new Set<string>();
  #waiting: { resolve: (files: string[]) => void; reject: (error: unknown) => void } | undefined;

  private constructor(root: string, known: Snapshot) {
    this.#root = root;
    this.#known = known;
    this.#follow();
  }

  static async since(root: string): Promise<Changes> {
    return new Changes(root, await snapshot(root));
  }

  /** Resolves with the files that changed since the last time, as soon as there are any and nothing more happens for a moment. */
  next(): Promise<string[]> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#tell();
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #touched(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#checking = this.#checking
        .then(async () => await this.#check())
        .catch((error) => this.#waiting?.reject(error));
    }, QUIET_MS);
  }

  async #check(): Promise<void> {
    const now = await snapshot(this.#root);
    for (const path of differing(this.#known, now)) this.#pending.add(path);
    this.#known = now;
    this.#follow();
    this.#tell();
  }

  #tell(): void {
    if (this.#pending.size === 0 || this.#waiting === undefined) return;
    const files = [...this.#pending].sort();
    this.#pending = new Set();
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    resolve(files);
  }

  /** Folders one by one: a watch on everything would follow what is ignored, too. */
  #follow(): void {
    const folders = foldersOf(this.#known.keys());
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) {
      if (this.#watchers.has(folder)) continue;
      const watcher = watch(join(this.#root, folder), () => this.#touched());
      // A folder that is gone: what was in it is seen as changed.
      watcher.on('error', () => this.#touched());
      this.#watchers.set(folder, watcher);
    }
  }
}

/** Every folder with a file in it, and those above. */
function foldersOf(paths: Iterable<string>): Set<string> {
  const folders = new Set(['.']);
  for (const path of paths) {
    for (let folder = dirname(path); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
  }
  return folders;
}

async function snapshot(root: string): Promise<Snapshot> {
  const entries = listFiles(root, '--cached', '--others', '--exclude-standard').flatMap((path) => {
    const stats = lstatSync(onDisk(join(root, path)), { throwIfNoEntry: false });
    return stats === undefined || stats.isDirectory()
      ? []
      : [[path, `${stats.size} ${stats.mtimeMs} ${stats.mode} ${stats.ino}`] as const];
  });
  return new Map(entries);
}

function differing(before: Snapshot, after: Snapshot): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
}
