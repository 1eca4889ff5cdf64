// The embedded engine's own programs in a capsule: their packages go in, so that it is replayed where none can be fetched, and come out before.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Directory, Host } from '@dagger.io/dagger';
import { TOOLS_FOLDER } from '../../src/core/capsule/manifest.ts';
import { unpackFolder } from '../../src/oci/capsule-reader.ts';
import { EMBEDDED_ENGINE, withOurNode } from '../engine.ts';
import { openManifest, told } from './open.ts';

/** Null where this machine's own programs are used, or not all packages are kept. */
export async function toolPackages(host: Host): Promise<Directory | null> {
  const { stdout } = await promisify(execFile)(EMBEDDED_ENGINE, ['tools', '--json'], { env: withOurNode(process.env) });
  const { packages } = JSON.parse(stdout) as { packages: { folder: string; files: string[] } | null };
  return packages === null ? null : host.directory(packages.folder, { include: packages.files });
}

/** Says to an engine that is started in this environment where the packages of a capsule are, which it checks by its own lock. */
export async function givenTools(file: string, folder: string): Promise<Record<string, string>> {
  const { files } = await openManifest(file);
  if (!files.some(({ path }) => path.startsWith(`${TOOLS_FOLDER}/`))) return {};
  await told(file, async () => await unpackFolder(file, files, TOOLS_FOLDER, folder));
  return { DRYDOCK_TOOL_PACKAGES: join(folder, TOOLS_FOLDER) };
}
