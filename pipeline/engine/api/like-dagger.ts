// With DRYDOCK_LIKE_DAGGER=1, for tests of what has to hold there: what a Dagger Engine v0.21.8 does otherwise. Its steps have variables of its
// own, and find the site's certificates nowhere but in the system's store; its keys are of how things were made, where ours are of what they hold.
import type { Session } from '../session.ts';
import { keyOf } from '../store/store.ts';
import { digestInTurns } from '../store/tree.ts';
import { DirectoryValue, type FileValue, type Lazy, lazy, SecretValue, type Value } from '../values.ts';
import { digestOf } from './content.ts';

export const isLikeDagger = (): boolean => process.env.DRYDOCK_LIKE_DAGGER === '1';

const COLLECTOR = 'http://127.0.0.1:4318';

/** What it adds to the environment of each step; no value of them is part of a key. */
export const VARIABLES: readonly (readonly [name: string, value: string])[] = [
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'http/protobuf'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', COLLECTOR],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', `${COLLECTOR}/v1/traces`],
  ['OTEL_EXPORTER_OTLP_TRACES_LIVE', '1'],
  ['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT', `${COLLECTOR}/v1/logs`],
  ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', `${COLLECTOR}/v1/metrics`],
  ['TRACEPARENT', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['BAGGAGE', 'session=1'],
];

/** Fields whose objects are known by what they hold, whatever they were made of. */
const BY_CONTENT = new Set([
  ...['Host.directory', 'Host.file', 'GitRef.tree'],
  ...['Directory.filter', 'Directory.directory', 'Container.directory'],
]);
/** Fields that leave no trace in the key. */
const UNSEEN = new Set(['Container.withVolatileVariable', 'Container.withoutVolatileVariable']);

const histories = new WeakMap<Value, Lazy<string>>();

/** Notes how an object was made: by which field (`Type.name`) of which object, with which arguments. */
export function noteHistory(
  session: Session,
  made: Value,
  { self, field, args }: { self: Value; field: string; args: Readonly<Record<string, unknown>> },
): void {
  if (!isLikeDagger() || histories.has(made)) return;
  histories.set(
    made,
    lazy(async () => {
      if (UNSEEN.has(field)) return historyOf(self);
      if (made instanceof SecretValue) return keyOf(['secret', await made.key()]);
      if (BY_CONTENT.has(field)) return keyOf(['content', await contentKey(session, made)]);
      const plain = (value: unknown) => {
        const object = typeof value === 'string' ? session.node(value) : undefined;
        return object === undefined ? value : historyOf(object);
      };
      const words = Object.entries(args).map(async ([name, value]) => [
        name,
        Array.isArray(value) ? await Promise.all(value.map(plain)) : await plain(value),
      ]);
      return keyOf([await historyOf(self), field, await Promise.all(words)]);
    }),
  );
}

async function contentKey(session: Session, made: Value): Promise<string> {
  if (made instanceof DirectoryValue) return digestOf(session, await made.content());
  return digestInTurns(await (made as FileValue).node());
}

/** What stands for an object in the key of a step. What nothing made is one of a kind. */
export const historyOf = async (value: Value): Promise<string> =>
  (await histories.get(value)?.()) ?? value.constructor.name;
