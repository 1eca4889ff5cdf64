// Writes pinned images as OCI archives, one for each pin, for `--images`: from where the engine has them, else from a registry.
import { rename, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { EXIT, PipelineError, reasonOf } from '../src/core/errors.ts';
import { asLines } from '../src/core/safe-text.ts';
import { OciError } from '../src/oci/errors.ts';
import { openLayout, readBase } from '../src/oci/layout.ts';
import { pullToArchive } from '../src/oci/pull.ts';
import { dockerCredentials, parseMirrors, parsePin, RegistryClient } from '../src/oci/registry.ts';
import { archiveOf, PIN_NAMES, type PinName, pinned } from '../src/pins.ts';
import type { ImagesInvocation } from './arguments.ts';
import { readDockerConfig } from './docker-config.ts';
import { makeFolder } from './output.ts';
import { withEngine } from './session.ts';
import type { Terminal } from './terminal.ts';

/** One way to an archive: writes the file, or throws why it can't. */
type Way = (name: PinName, platforms: readonly string[], file: string) => Promise<void>;

export type Written = { name: PinName; file: string; standIn: string | null } | { name: PinName; reason: string };

/** Exit code 0 if every image that was asked for was written, 3 if one could not be had. */
export async function writeImages(invocation: ImagesInvocation, root: string, terminal: Terminal): Promise<number> {
  const { options } = invocation;
  const names = invocation.names.length > 0 ? invocation.names : PIN_NAMES;
  makeFolder(resolve(options.output));
  const onWritten = (written: Written) => terminal.out.write(asLines([describe(written)]));
  const results = await archivesOf(names, options, { root, terminal, onWritten });
  return results.some((result) => 'reason' in result) ? EXIT.environment : EXIT.ok;
}

type Around = { root: string; terminal: Terminal; onWritten?: (written: Written) => void };

/** Archives of pinned images in a folder that is there: what could be had, and why the others could not. */
export async function archivesOf(
  names: readonly PinName[],
  options: ImagesInvocation['options'],
  { root, terminal, onWritten }: Around,
): Promise<Written[]> {
  const output = resolve(options.output);
  const say = (line: string) => terminal.err.write(asLines([line]));
  const results: Written[] = [];
  const writeAll = async (ways: readonly Way[]) => {
    for (const name of names) {
      const written = await writeOne(name, options.platforms, output, ways);
      results.push(written);
      onWritten?.(written);
    }
  };
  const registry = options.offline ? [] : [fromRegistry(options.mirrors)];
  // Only the embedded engine keeps images as they were served; a Dagger engine makes their layers anew.
  if (process.platform === 'linux' && options.engine !== 'dagger') {
    const session = {
      ...options,
      engine: 'embedded' as const,
      root,
      interrupted: terminal.interrupted,
      say,
      onEngine: () => {},
    };
    await withEngine(session, async () => await writeAll([await fromEngine(), ...registry]));
  } else await writeAll(registry);
  return results;
}

function describe(written: Written): string {
  if ('reason' in written) return `MISSING  ${written.name}: ${written.reason}`;
  const note = written.standIn === null ? '' : ` (a substitute, assembled here: ${written.standIn})`;
  return `ok       ${relative(process.cwd(), written.file)}${note}`;
}

/** Try the ways in turn. A file only gets its name once all of it was checked against the pin. */
async function writeOne(
  name: PinName,
  platforms: readonly string[],
  output: string,
  ways: readonly Way[],
): Promise<Written> {
  const file = join(output, archiveOf(name));
  const aside = `${file}.part`;
  const reasons: string[] = [];
  try {
    for (const way of ways) {
      try {
        await way(name, platforms, aside);
        const standIn = await check(name, platforms, aside);
        await rename(aside, file);
        return { name, file, standIn };
      } catch (error) {
        if (!isRefusal(error)) throw error;
        reasons.push(firstLine(reasonOf(error)).replaceAll(aside, archiveOf(name)));
      }
    }
  } finally {
    await rm(aside, { force: true });
  }
  return { name, reason: reasons.join('; ') || 'no registry is asked (--offline)' };
}

/** A fault of the source of an image; a full disk or a bug is not one. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof OciError ||
    error instanceof PipelineError ||
    (error instanceof Error && error.name === 'GraphQLRequestError')
  );
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}

/** The pinned chain for every platform, or a labelled substitute; its recipe then. */
async function check(name: PinName, platforms: readonly string[], file: string): Promise<string | null> {
  const source = await openLayout(file);
  try {
    let standIn: string | null = null;
    for (const platform of platforms) {
      const base = await readBase(source, parsePin(pinned(name)).digest, platform);
      standIn = base.standIn ?? standIn;
    }
    return standIn;
  } finally {
    await source.close();
  }
}

async function fromEngine(): Promise<Way> {
  const { Images } = await import('../src/stages/images.ts');
  const images = new Images({ archives: undefined, mirrors: [] });
  return async (name, platforms, file) => {
    const [platform, ...more] = platforms;
    if (platform === undefined || more.length > 0) {
      throw new PipelineError('BAD_OPTION', 'the engine gives one platform at a time', 'name one platform');
    }
    await images.archive(name, platform).export(file);
  };
}

function fromRegistry(mirrors: readonly string[]): Way {
  const config = readDockerConfig(process.env);
  const client = new RegistryClient({
    mirrors: parseMirrors([...mirrors]),
    credentials: (registry) => (config === null ? undefined : dockerCredentials(config, registry)),
  });
  return async (name, platforms, file) => {
    await pullToArchive(client, parsePin(pinned(name)), file, { platforms });
  };
}
