// Where no package looks like a server: the Dockerfile that a service is built by, and what it says of port and health.
import { posix } from 'node:path';
import { stringify } from 'yaml';
import { imagesOf, isPinned, stagesOf } from '../dockerfile.ts';
import { nameOf } from '../package.ts';
import { USUAL } from '../subject-file.ts';
import type { Text } from './facts.ts';
import { COMMENT, checkedPath, exposedPort, type Seen } from './seen.ts';

export type FoundDockerfile = {
  file: string;
  /** What the service is called: by its folder, or by the repository's where it lies in the root. */
  name: string;
  language: string | null;
  port: Seen<number> | null;
  health: Seen<string> | null;
  /** Images that it names by a tag alone. */
  unpinned: string[];
  /** Others of them. */
  others: string[];
};

/** Null where there is none. The one in the root, else the one that lies highest. `read` gives the text of a file. */
export function lookForDockerfile(
  files: readonly string[],
  repository: string,
  read: (file: string) => Text | null,
): FoundDockerfile | null {
  const all = files.filter((file) => /(^|\/)Dockerfile$/.test(file));
  const depth = (file: string) => file.split('/').length;
  const [file, ...others] = all.sort((one, other) => depth(one) - depth(other) || one.localeCompare(other));
  const text = file === undefined ? null : read(file);
  if (file === undefined || text === null) return null;
  const folder = posix.dirname(file);
  const beside = files.filter((path) => posix.dirname(path) === folder).map((path) => posix.basename(path));
  return {
    ...{ file, others, port: exposedPort(text), health: checkedPath(text) },
    name: nameOf(folder === '.' ? repository : posix.basename(folder)).slice(0, MOST_OF_NAME),
    language: LANGUAGES.find(([, pattern]) => beside.some((name) => pattern.test(name)))?.[0] ?? null,
    unpinned: imagesOf(stagesOf(text.text), '').filter((image) => !isPinned(image)),
  };
}

const MOST_OF_NAME = 40;

/** By the file that names its packages. */
const LANGUAGES: readonly [string, RegExp][] = [
  ['Python', /^(pyproject\.toml|requirements\.txt|setup\.py|Pipfile)$/],
  ['Go', /^go\.mod$/],
  ['Rust', /^Cargo\.toml$/],
  ['Java', /^(pom\.xml|build\.gradle(\.kts)?)$/],
  ['Ruby', /^Gemfile$/],
  ['PHP', /^composer\.json$/],
  ['Elixir', /^mix\.exs$/],
  ['.NET', /\.(csproj|fsproj|sln)$/],
];

/** Rows for a person, each a name and what was found. */
export function describeDockerfile({
  file,
  language,
  port,
  health,
  unpinned,
  others,
}: FoundDockerfile): [string, string][] {
  const more = others.length === 0 ? '' : `; others are there too: ${others.join(', ')}`;
  return [
    ['service', `${file}, and no package.json: it is built by it${more}`],
    ...(language === null ? [] : [['language', language] as [string, string]]),
    ...(unpinned.length === 0 ? [] : [['images', `by a tag alone: ${unpinned.join(', ')}`] as [string, string]]),
    [
      'port',
      port === null ? `none seen (EXPOSE): ${USUAL.port}, passed to it as PORT` : `${port.value} (${port.from})`,
    ],
    ['health', health === null ? `none seen: ${USUAL.health} has to answer 200` : `${health.value} (${health.from})`],
  ];
}

/** The drydock.yaml that says so. */
export function dockerfileSubject({ file, name, port, health }: FoundDockerfile): string {
  const folder = posix.dirname(file);
  const service = {
    path: folder,
    ...(nameOf(posix.basename(folder)) === name ? {} : { name }),
    kind: 'dockerfile',
    ...(port === null || port.value === USUAL.port ? {} : { port: port.value }),
    ...(health === null || health.value === USUAL.health ? {} : { health: health.value }),
  };
  return `${COMMENT}\n${stringify({ services: [service] })}`;
}
