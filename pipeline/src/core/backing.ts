// Backing services: databases, caches and queues that a service hears of while its tests and its smoke run, and which end with them.

/** `name` is the host by which commands reach it; `command` replaces the image's own arguments, null for those. */
export type BackingService = {
  name: string;
  image: string;
  port: number;
  env: Readonly<Record<string, string>>;
  command: string[] | null;
};

/** What commands of a package find while they run: services by their names, and variables that say where they are. */
export type Backing = { env: Readonly<Record<string, string>>; needs: BackingService[] };

export const NO_BACKING: Backing = { env: {}, needs: [] };

type KnownImage = {
  port: number;
  /** One of these variables has to be set: the image ends at once without. */
  wants?: readonly string[];
};

const SQL = (prefix: string) =>
  ['ROOT_PASSWORD', 'ALLOW_EMPTY_PASSWORD', 'RANDOM_ROOT_PASSWORD'].map((name) => `${prefix}_${name}`);

/** Docker's official images of what services need most. */
const KNOWN_IMAGES: Readonly<Record<string, KnownImage>> = {
  postgres: { port: 5432, wants: ['POSTGRES_PASSWORD', 'POSTGRES_HOST_AUTH_METHOD'] },
  mysql: { port: 3306, wants: SQL('MYSQL') },
  mariadb: { port: 3306, wants: [...SQL('MARIADB'), ...SQL('MYSQL')] },
  redis: { port: 6379 },
  mongo: { port: 27_017 },
  memcached: { port: 11_211 },
  rabbitmq: { port: 5672 },
  nats: { port: 4222 },
};

export const KNOWN_NAMES = Object.keys(KNOWN_IMAGES);

/** The name of one of Docker's official images, known or not; null for any other. */
export function officialName(image: string): string | null {
  return /^(?:docker\.io\/)?(?:library\/)?([^/:@]+)(?=[:@]|$)/.exec(image)?.[1] ?? null;
}

export function knownImage(image: string): KnownImage | undefined {
  const name = officialName(image);
  return name !== null && Object.hasOwn(KNOWN_IMAGES, name) ? KNOWN_IMAGES[name] : undefined;
}

const HOST = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?\/)?`;
const PATH = String.raw`[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*`;
const REFERENCE = new RegExp(`^${HOST}${PATH}(?:/${PATH})*(?::\\w[\\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`);

/** Whether a text names an image as registries take it. */
export const isReference = (image: string): boolean => image.length <= 400 && REFERENCE.test(image);

/** An image by its tag alone, where it is named by its digest as well; undefined for all others. */
export function tagOf(image: string): string | undefined {
  const [tagged = '', digest] = image.split('@');
  return digest !== undefined && /:[^/]+$/.test(tagged) ? tagged : undefined;
}

/** How many of its last lines are shown of a service that failed. */
const LAST_LINES = 4;

/** What an engine says of a service that a command is bound to, and that did not start or did not stay. */
const FAILED = /(?:^|: )(start|bound service) \S+ \(aliased as ([\w.-]+)\)(?:: | exited: )([\s\S]*)$/;

/** What became of a backing service, and its last lines; undefined where an engine's error is about something else. */
export function backingFault(error: string, output = ''): string[] | undefined {
  const [, how, name, rest = ''] = FAILED.exec(error) ?? [];
  if (name === undefined) return undefined;
  const [why = '', said = output] = rest.split(/; its last lines:\n/);
  const reason = (why.split('\n')[0] ?? '')
    .replace(/ \[traceparent:.*/, '')
    .replace(/^the service \S+ (?:ended before it was ready|ended): /, '')
    .replace(/^could not start the service \S+: /, '')
    .replace(/^the service \S+ /, 'it ');
  const what = how === 'start' ? 'did not start' : 'ended while it was needed';
  const lines = said
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  return [`${name} ${what}: ${reason}`, ...lines.slice(-LAST_LINES)];
}
