// Runs a GraphQL request against the session: checks it against the schema, then hands each field to its resolver.

import { lstatSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import {
  buildSchema,
  type DocumentNode,
  execute,
  type GraphQLEnumType,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLScalarType,
  getNamedType,
  isEnumType,
  isInterfaceType,
  isObjectType,
  isScalarType,
  Kind,
  NoUnusedFragmentsRule,
  ProvidedRequiredArgumentsRule,
  parse,
  print,
  ScalarLeafsRule,
  type ValidationContext,
  ValuesOfCorrectTypeRule,
  VariablesInAllowedPositionRule,
  validate,
} from 'graphql';
import { FileText } from '../answer-text.ts';
import { EngineError, ExecError, notSupported } from '../errors.ts';
import { Scrubber } from '../run/scrubber.ts';
import type { Session } from '../session.ts';
import { diskFullError } from '../store/disk.ts';
import { fileFault } from '../store/faults.ts';
import type { Filter } from '../store/patterns.ts';
import type { Sharing } from '../store/volumes.ts';
import {
  CacheVolumeValue,
  ChangesetValue,
  ContainerValue,
  DirectoryValue,
  FactValue,
  FileValue,
  GitRefValue,
  GitRepositoryValue,
  HostValue,
  lazy,
  SecretValue,
  ServiceValue,
  Value,
  wholeTree,
} from '../values.ts';
import { changesetFields } from './changeset.ts';
import { containerFields, newContainer } from './container.ts';
import { directoryFields, fileFields, newDirectory, newFile } from './directory.ts';
import { dockerFields } from './docker.ts';
import { gitRefFields, gitRepositoryFields } from './git.ts';
import { type RemoteArgs, remoteRepository } from './git-remote.ts';
import { type HttpArgs, httpFile } from './http.ts';
import { noteHistory } from './like-dagger.ts';
import { inTodaysWords } from './older.ts';
import { HOST_PLATFORM } from './platform.ts';
import type { Resolvers } from './resolvers.ts';
import { SCHEMA } from './schema.ts';
import { foundSecret, secretFields, setSecret, setSecretFile } from './secret.ts';
import { hostService, serviceFields, type TunnelArgs, tunnel } from './service.ts';

/** The version of the API, as the SDK asks for it. */
const API_VERSION = 'v0.21.8';

class QueryRoot extends Value {
  override id = 'query';
}

interface CacheVolumeArgs {
  readonly key: string;
  /** Of SDKs before 0.19. */
  readonly namespace?: string;
  readonly source?: string;
  readonly sharing?: Sharing;
  readonly owner?: string;
}

const queryFields: Resolvers<QueryRoot> = {
  node: (_, { id }: { id: string }, session) => session.node(id) ?? null,
  version: () => API_VERSION,
  defaultPlatform: () => HOST_PLATFORM,
  container: (_, { platform }: { platform?: string }) => newContainer(platform),
  directory: newDirectory,
  file: (_, args: Parameters<typeof newFile>[0]) => newFile(args),
  host: () => new HostValue(),
  http: (_, args: HttpArgs, session) => httpFile(args, session),
  git: (_, args: RemoteArgs, session) => new GitRepositoryValue(newDirectory(), remoteRepository(args, session)),
  cacheVolume: (_, { key, namespace, source, ...rest }: CacheVolumeArgs, session) =>
    new CacheVolumeValue(namespace ? `${namespace}:${key}` : key, {
      ...rest,
      ...(source === undefined ? {} : { source: session.load(source, DirectoryValue) }),
    }),
  secret: (_, args: Parameters<typeof foundSecret>[0], session) => foundSecret(args, session),
  setSecret: (_, args: Parameters<typeof setSecret>[0], session) => setSecret(args, session),
};

const hostFields: Resolvers<HostValue> = {
  directory: (_, { path, noCache: __, ...filter }: Filter & { path: string; noCache?: boolean }, session) => {
    const folder = session.hostPath(path);
    const isWhole = !filter.include?.length && !filter.exclude?.length && !filter.gitignore;
    return new DirectoryValue(
      lazy(async () =>
        session.during({ id: `upload ${folder}`, name: 'upload', what: basename(folder) }, async (went) =>
          wholeTree(await session.host.folder(folder, filter, went)),
        ),
      ),
      { hostPath: isWhole ? folder : undefined },
    );
  },
  file: (_, { path }: { path: string }, session) => {
    const file = session.hostPath(path);
    return new FileValue(
      file.slice(file.lastIndexOf('/') + 1),
      lazy(() => readHostFileOf(file, session)),
    );
  },
  findUp: (_, { name }: { name: string }, session) => {
    const workdir = session.hostPath('.');
    for (let folder = workdir; ; folder = dirname(folder)) {
      if (lstatSync(join(folder, name), { throwIfNoEntry: false })) return relative(workdir, join(folder, name));
      if (folder === dirname(folder)) return null;
    }
  },
  setSecretFile: (_, args: Parameters<typeof setSecretFile>[0], session) => setSecretFile(args, session),
  service: (_, args: Parameters<typeof hostService>[1], session) => new ServiceValue(hostService(session, args)),
  tunnel: (_, { service, ...args }: { service: string } & TunnelArgs, session) =>
    new ServiceValue(tunnel(session, session.load(service, ServiceValue), args)),
};

/** A link is followed; what has no end, as a device, is no file. */
async function readHostFileOf(path: string, session: Session) {
  try {
    if (statSync(path).isFile()) return await session.host.file(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    throw new EngineError(`${path}: no such file or directory on the host`, undefined, { cause: error });
  }
  throw new EngineError(`${path}: not a file on the host`);
}

const FIELDS: Record<string, Resolvers<never>> = {
  Query: queryFields,
  Container: containerFields,
  Directory: { ...directoryFields, ...dockerFields },
  File: fileFields,
  Host: hostFields,
  GitRepository: gitRepositoryFields,
  GitRef: gitRefFields,
  Changeset: changesetFields,
  Secret: secretFields,
  Service: serviceFields,
  CacheVolume: {},
};

const TYPE_NAMES = new Map<unknown, string>([
  [ContainerValue, 'Container'],
  [DirectoryValue, 'Directory'],
  [FileValue, 'File'],
  [HostValue, 'Host'],
  [GitRepositoryValue, 'GitRepository'],
  [GitRefValue, 'GitRef'],
  [ChangesetValue, 'Changeset'],
  [SecretValue, 'Secret'],
  [ServiceValue, 'Service'],
  [CacheVolumeValue, 'CacheVolume'],
]);

const typeOf = (value: unknown): string | undefined =>
  value instanceof FactValue ? value.type : TYPE_NAMES.get((value as Value).constructor);

const TYPES = [...SCHEMA.matchAll(/^type (\w+) implements Node/gm)].map(([, name = '']) => name);
const loaderOf = (type: string) => `load${type}FromID`;
/** By its id, as SDKs look for an object whose type they know. */
const LOADERS = `extend type Query { ${TYPES.map((type) => `${loaderOf(type)}(id: ID!): ${type}!`).join(' ')} }`;
for (const type of TYPES) Object.assign(queryFields, { [loaderOf(type)]: loader(type) });

const schema = buildSchema(SCHEMA + LOADERS, { assumeValidSDL: true, noLocation: true });
for (const type of Object.values(schema.getTypeMap())) {
  if (isInterfaceType(type)) type.resolveType = typeOf;
  if (isObjectType(type) && !type.name.startsWith('__')) addResolvers(type);
  if (isEnumType(type) && !type.name.startsWith('__')) acceptStrings(type);
  if (isScalarType(type) && type.name === 'Int') widen(type);
  if (isScalarType(type) && type.name === 'String') acceptFiles(type);
}

function loader(type: string): Resolvers<QueryRoot>[string] {
  return (_, { id }: { id: string }, session) => {
    const found = session.load(id, Value);
    if (typeOf(found) === type) return found;
    throw new EngineError(`the object ${id} is a ${typeOf(found)}, not a ${type}`);
  };
}

/** Dagger's whole numbers have 64 bits, of which JSON carries those that are exact: sizes of files and times are among them. */
function widen(type: GraphQLScalarType): void {
  const exact = (value: unknown): number => {
    if (Number.isSafeInteger(value)) return value as number;
    throw new GraphQLError(`Int cannot represent ${JSON.stringify(value)}`);
  };
  type.serialize = exact;
  type.parseValue = exact;
  type.parseLiteral = (node) => exact(node.kind === Kind.INT ? Number(node.value) : print(node));
}

/** A large text is not read before it is sent. */
function acceptFiles(type: GraphQLScalarType): void {
  const serialize = type.serialize.bind(type);
  type.serialize = (value) => (value instanceof FileText ? value : serialize(value));
}

/** Inside an input object the SDK writes an enum's value as a string. */
function acceptStrings(type: GraphQLEnumType): void {
  const parseLiteral = type.parseLiteral.bind(type);
  type.parseLiteral = (node, variables) =>
    node.kind === Kind.STRING ? type.parseValue(node.value) : parseLiteral(node, variables);
}

function addResolvers(type: GraphQLObjectType): void {
  const resolvers = FIELDS[type.name];
  for (const field of Object.values(type.getFields())) {
    const resolver = resolvers?.[field.name];
    const returnsObject = isObjectType(getNamedType(field.type));
    field.resolve = resolverFor(type.name, field.name, returnsObject, resolver as Resolvers<Value>[string] | undefined);
  }
}

function resolverFor(
  type: string,
  field: string,
  returnsObject: boolean,
  resolver: Resolvers<Value>[string] | undefined,
): GraphQLFieldResolver<Value, Session> {
  if (resolver === undefined) return (self) => (field === 'id' ? self.id : (self as FactValue).fields[field]);
  if (!returnsObject || field === 'node' || /^load\w+FromID$/.test(field))
    return (self, args, session) => resolver(self, args, session);
  // An object is known by its recipe: the same field of the same object with the same arguments is the same object.
  // What is at a secret's address may be another each time.
  const isAnother = (args: { noCache?: boolean }) => args.noCache === true || field === 'secret';
  return (self, args, session) => {
    const recipe = JSON.stringify([self.id, type, field, args, isAnother(args) ? Math.random() : 0]);
    const interned = <T extends Value>(value: T): T => {
      noteHistory(session, value, { self, field: `${type}.${field}`, args });
      return session.intern(recipe, value);
    };
    const made = session.known(recipe) ?? resolver(self, args, session);
    if (!(made instanceof Promise)) return interned(made as Value);
    // Facts are found out each time: of a service, they may be others by now.
    return made.then((found: Value | Value[] | null) => {
      if (Array.isArray(found)) return found.map((item, index) => session.intern(`${recipe} ${index}`, item));
      return found === null ? null : interned(found);
    });
  };
}

/** Refuses a field or argument that the schema does not have, by name and before anything runs. */
function SupportedFieldsRule(context: ValidationContext) {
  return {
    Field(node: { name: { value: string } }) {
      const type = context.getParentType();
      if (type && !context.getFieldDef())
        context.reportError(new GraphQLError(notSupported(`${type.name}.${node.name.value}`).message));
    },
    Argument(node: { name: { value: string } }) {
      const field = context.getFieldDef();
      if (field && !context.getArgument()) {
        context.reportError(
          new GraphQLError(notSupported(`${context.getParentType()?.name}.${field.name}(${node.name.value})`).message),
        );
      }
    },
  };
}

const RULES = [SupportedFieldsRule, ProvidedRequiredArgumentsRule, ScalarLeafsRule, ValuesOfCorrectTypeRule];
/** These walk the whole query once more, and have nothing to say of one that is a single selection, as the SDK's all are. */
const RULES_OF_PARTS = [...RULES, NoUnusedFragmentsRule, VariablesInAllowedPositionRule];

const rulesFor = ({ definitions: [first, ...others] }: DocumentNode) =>
  others.length === 0 && first?.kind === Kind.OPERATION_DEFINITION && !first.variableDefinitions?.length
    ? RULES
    : RULES_OF_PARTS;

export interface GraphQLAnswer {
  readonly data?: unknown;
  readonly errors?: readonly { message: string; path?: unknown; extensions?: unknown }[];
}

interface Request {
  readonly query: string;
  readonly variables?: Record<string, unknown>;
}

/** Answers one request. Never throws: every fault is an entry of `errors`. */
export async function answer(session: Session, request: Request): Promise<GraphQLAnswer> {
  try {
    return await answerOf(session, request);
  } catch (error) {
    if (!isTooDeep(error)) throw error;
    return { errors: [{ message: TOO_DEEP.message, extensions: { code: 'FAILED', hint: TOO_DEEP.hint } }] };
  }
}

const isTooDeep = (error: unknown) => error instanceof RangeError && /call stack/.test(error.message);
const TOO_DEEP = new EngineError(
  'the chain of calls in this query is longer than the engine can follow',
  'ask for `sync()` somewhere in between, and go on from there',
);

async function answerOf(session: Session, request: Request): Promise<GraphQLAnswer> {
  let document: DocumentNode;
  try {
    document = inTodaysWords(parse(request.query, { noLocation: true }), request.query);
  } catch (error) {
    if (isTooDeep(error)) throw error;
    return { errors: [{ message: (error as Error).message }] };
  }
  const faults = validate(schema, document, rulesFor(document));
  if (faults.length > 0) return { errors: faults.map(({ message }) => ({ message })) };
  const result = await execute({
    schema,
    document,
    rootValue: new QueryRoot(),
    contextValue: session,
    variableValues: request.variables ?? {},
  });
  if (result.errors === undefined) return { data: result.data };
  return { data: result.data ?? null, errors: result.errors.map((error) => asError(error, session)) };
}

/** What a client is told of a fault: secrets are taken out, wherever in it they stand. */
function asError(error: GraphQLError, session: Session) {
  const { path } = error;
  const cause = isTooDeep(error.originalError) ? TOO_DEEP : error.originalError;
  const { root } = session.store;
  const originalError = diskFullError(cause, root) ?? fileFault(cause, root) ?? cause;
  const scrubber = new Scrubber(session.secretValues());
  const message = scrubber.scrub(originalError?.message ?? error.message);
  if (originalError instanceof ExecError) {
    const { command, exitCode, stdout, stderr } = originalError.failure;
    const facts = { exitCode, stdout: scrubber.scrub(stdout), stderr: scrubber.scrub(stderr) };
    const cmd = command.map((word) => scrubber.scrub(word));
    return { message, path, extensions: { _type: 'EXEC_ERROR', cmd, ...facts } };
  }
  if (originalError instanceof EngineError) {
    const { hint, lack = 'FAILED' } = originalError;
    return { message, path, extensions: { code: lack, ...(hint === undefined ? {} : { hint }) } };
  }
  if (originalError?.stack) process.stderr.write(`${scrubber.scrub(originalError.stack)}\n`);
  return { message, path, extensions: { code: 'FAILED' } };
}
