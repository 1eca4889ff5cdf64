// The part of Dagger's API that this engine has, in the names, arguments and types of the public schema (v0.21).
// A field that is not here is refused by name before anything runs.

export const SCHEMA = /* GraphQL */ `
scalar Platform
scalar Void
scalar JSON

enum ReturnType { SUCCESS FAILURE ANY }
enum CacheSharingMode { SHARED PRIVATE LOCKED }
enum NetworkProtocol { TCP UDP }
input BuildArg { name: String! value: String! }
input PortForward { backend: Int! frontend: Int protocol: NetworkProtocol }
enum ImageLayerCompression { Gzip Zstd EStarGZ Uncompressed }
enum ImageMediaTypes { OCIMediaTypes DockerMediaTypes OCI DOCKER }
enum ExistsType { REGULAR_TYPE DIRECTORY_TYPE SYMLINK_TYPE }
enum FileType { UNKNOWN REGULAR DIRECTORY SYMLINK REGULAR_TYPE DIRECTORY_TYPE SYMLINK_TYPE }

interface Node { id: ID! }

type Query {
  id: ID!
  node(id: ID!): Node
  version: String!
  defaultPlatform: Platform!
  container(platform: Platform): Container!
  directory: Directory!
  file(name: String!, contents: String!, permissions: Int): File!
  host: Host!
  http(url: String!, name: String, permissions: Int, checksum: String, authHeader: ID, experimentalServiceHost: ID): File!
  git(url: String!, keepGitDir: Boolean, sshKnownHosts: String, sshAuthSocket: ID, httpAuthUsername: String, httpAuthToken: ID, httpAuthHeader: ID, experimentalServiceHost: ID): GitRepository!
  cacheVolume(key: String!, namespace: String, source: ID, sharing: CacheSharingMode, owner: String): CacheVolume!
  secret(uri: String!, cacheKey: String): Secret!
  setSecret(name: String!, plaintext: String!): Secret!
}

type Container implements Node {
  id: ID!
  sync: ID!
  platform: Platform!
  from(address: String!, registryService: ID): Container!
  import(source: ID!, tag: String): Container!
  imageRef: String!
  rootfs: Directory!
  withRootfs(directory: ID!): Container!
  directory(path: String!, expand: Boolean): Directory!
  file(path: String!, expand: Boolean): File!
  exists(path: String!, expectedType: ExistsType, doNotFollowSymlinks: Boolean, expand: Boolean): Boolean!
  stat(path: String!, doNotFollowSymlinks: Boolean): Stat!
  withError(err: String!): Container!
  withExec(args: [String!]!, useEntrypoint: Boolean, stdin: String, redirectStdin: String, redirectStdout: String, redirectStderr: String, expect: ReturnType, experimentalPrivilegedNesting: Boolean, insecureRootCapabilities: Boolean, expand: Boolean, noInit: Boolean): Container!
  terminal(cmd: [String!], experimentalPrivilegedNesting: Boolean, insecureRootCapabilities: Boolean): Container!
  exitCode: Int!
  stdout: String!
  stderr: String!
  combinedOutput: String!
  user: String!
  withUser(name: String!): Container!
  withoutUser: Container!
  workdir: String!
  withWorkdir(path: String!, expand: Boolean): Container!
  withoutWorkdir: Container!
  entrypoint: [String!]!
  withEntrypoint(args: [String!]!, keepDefaultArgs: Boolean): Container!
  withoutEntrypoint(keepDefaultArgs: Boolean): Container!
  defaultArgs: [String!]!
  withDefaultArgs(args: [String!]!): Container!
  withoutDefaultArgs: Container!
  envVariable(name: String!): String
  envVariables: [EnvVariable!]!
  withEnvVariable(name: String!, value: String!, expand: Boolean): Container!
  withoutEnvVariable(name: String!): Container!
  withSecretVariable(name: String!, secret: ID!): Container!
  withoutSecretVariable(name: String!): Container!
  withVolatileVariable(name: String!, value: String!): Container!
  withoutVolatileVariable(name: String!): Container!
  label(name: String!): String
  labels: [Label!]!
  withLabel(name: String!, value: String!): Container!
  withoutLabel(name: String!): Container!
  withAnnotation(name: String!, value: String!): Container!
  withoutAnnotation(name: String!): Container!
  exposedPorts: [Port!]!
  withExposedPort(port: Int!, protocol: NetworkProtocol, description: String, experimentalSkipHealthcheck: Boolean): Container!
  dockerHealthcheck: HealthcheckConfig
  withDockerHealthcheck(args: [String!]!, shell: Boolean, interval: String, timeout: String, startPeriod: String, startInterval: String, retries: Int): Container!
  withoutDockerHealthcheck: Container!
  withoutExposedPort(port: Int!, protocol: NetworkProtocol): Container!
  withDirectory(path: String!, source: ID!, exclude: [String!], include: [String!], gitignore: Boolean, owner: String, expand: Boolean, permissions: Int): Container!
  withFile(path: String!, source: ID!, permissions: Int, owner: String, expand: Boolean): Container!
  withFiles(path: String!, sources: [ID!]!, permissions: Int, owner: String, expand: Boolean): Container!
  withNewFile(path: String!, contents: String!, permissions: Int, owner: String, expand: Boolean): Container!
  withSymlink(target: String!, linkName: String!, expand: Boolean): Container!
  withoutDirectory(path: String!, expand: Boolean): Container!
  withoutFile(path: String!, expand: Boolean): Container!
  withoutFiles(paths: [String!]!, expand: Boolean): Container!
  mounts: [String!]!
  withMountedDirectory(path: String!, source: ID!, owner: String, readOnly: Boolean, expand: Boolean): Container!
  withMountedFile(path: String!, source: ID!, owner: String, expand: Boolean): Container!
  withMountedCache(path: String!, cache: ID!, source: ID, sharing: CacheSharingMode, owner: String, expand: Boolean): Container!
  withMountedTemp(path: String!, size: Int, expand: Boolean): Container!
  withMountedSecret(path: String!, source: ID!, owner: String, mode: Int, expand: Boolean): Container!
  withoutMount(path: String!, expand: Boolean): Container!
  withServiceBinding(alias: String!, service: ID!): Container!
  asService(args: [String!], useEntrypoint: Boolean, experimentalPrivilegedNesting: Boolean, insecureRootCapabilities: Boolean, expand: Boolean, noInit: Boolean): Service!
  up(random: Boolean, ports: [PortForward!], args: [String!], useEntrypoint: Boolean, experimentalPrivilegedNesting: Boolean, insecureRootCapabilities: Boolean, expand: Boolean, noInit: Boolean): Void
  withRegistryAuth(address: String!, username: String!, secret: ID!): Container!
  withoutRegistryAuth(address: String!): Container!
  publish(address: String!, platformVariants: [ID!], forcedCompression: ImageLayerCompression, mediaTypes: ImageMediaTypes): String!
  asTarball(platformVariants: [ID!], forcedCompression: ImageLayerCompression, mediaTypes: ImageMediaTypes): File!
  export(path: String!, platformVariants: [ID!], forcedCompression: ImageLayerCompression, mediaTypes: ImageMediaTypes, expand: Boolean): String!
}

type Directory implements Node {
  id: ID!
  sync: ID!
  name: String!
  digest: String!
  entries(path: String): [String!]!
  glob(pattern: String!): [String!]!
  exists(path: String!, expectedType: ExistsType, doNotFollowSymlinks: Boolean): Boolean!
  stat(path: String!, doNotFollowSymlinks: Boolean): Stat!
  directory(path: String!): Directory!
  file(path: String!): File!
  export(path: String!, wipe: Boolean): String!
  filter(exclude: [String!], include: [String!], gitignore: Boolean): Directory!
  findUp(name: String!, start: String!): String
  diff(other: ID!): Directory!
  changes(from: ID!): Changeset!
  withChanges(changes: ID!): Directory!
  withPatch(patch: String!): Directory!
  withPatchFile(patch: ID!): Directory!
  chown(path: String!, owner: String!): Directory!
  withDirectory(path: String!, source: ID!, exclude: [String!], include: [String!], gitignore: Boolean, owner: String, permissions: Int): Directory!
  withFile(path: String!, source: ID!, permissions: Int, owner: String): Directory!
  withFiles(path: String!, sources: [ID!]!, permissions: Int): Directory!
  withNewDirectory(path: String!, permissions: Int): Directory!
  withNewFile(path: String!, contents: String!, permissions: Int): Directory!
  withSymlink(target: String!, linkName: String!): Directory!
  withTimestamps(timestamp: Int!): Directory!
  withoutDirectory(path: String!): Directory!
  withoutFile(path: String!): Directory!
  withoutFiles(paths: [String!]!): Directory!
  asGit: GitRepository!
  dockerBuild(dockerfile: String, platform: Platform, buildArgs: [BuildArg!], target: String, secrets: [ID!], noInit: Boolean): Container!
}

type File implements Node {
  id: ID!
  sync: ID!
  name: String!
  size: Int!
  contents(offsetLines: Int, limitLines: Int): String!
  digest(excludeMetadata: Boolean): String!
  stat: Stat!
  export(path: String!, allowParentDirPath: Boolean): String!
  withName(name: String!): File!
  withReplaced(search: String!, replacement: String!, all: Boolean, firstFrom: Int): File!
  withTimestamps(timestamp: Int!): File!
  chown(owner: String!): File!
}

type Host implements Node {
  id: ID!
  directory(path: String!, exclude: [String!], include: [String!], noCache: Boolean, gitignore: Boolean): Directory!
  file(path: String!, noCache: Boolean): File!
  findUp(name: String!, noCache: Boolean): String
  setSecretFile(name: String!, path: String!): Secret!
  service(ports: [PortForward!]!, host: String): Service!
  tunnel(service: ID!, native: Boolean, ports: [PortForward!]): Service!
}

type Service implements Node {
  id: ID!
  sync: ID!
  hostname: String!
  withHostname(hostname: String!): Service!
  endpoint(port: Int, scheme: String): String!
  ports: [Port!]!
  start: ID!
  stop(kill: Boolean): ID!
  up(ports: [PortForward!], random: Boolean): Void
}

type GitRepository implements Node {
  id: ID!
  head: GitRef!
  branch(name: String!): GitRef!
  tag(name: String!): GitRef!
  commit(id: String!): GitRef!
  ref(name: String!): GitRef!
  branches(patterns: [String!]): [String!]!
  tags(patterns: [String!]): [String!]!
  latestVersion: GitRef!
  url: String
  uncommitted: Changeset!
}

type GitRef implements Node {
  id: ID!
  commit: String!
  ref: String!
  commonAncestor(other: ID!): GitRef!
  tree(discardGitDir: Boolean, depth: Int, includeTags: Boolean): Directory!
}

type Changeset implements Node {
  id: ID!
  sync: ID!
  isEmpty: Boolean!
  addedPaths: [String!]!
  modifiedPaths: [String!]!
  removedPaths: [String!]!
  before: Directory!
  after: Directory!
  layer: Directory!
  asPatch: File!
  export(path: String!): String!
}

type Secret implements Node { id: ID! name: String! uri: String! plaintext: String! }
type CacheVolume implements Node { id: ID! }
type EnvVariable implements Node { id: ID! name: String! value: String! }
type Label implements Node { id: ID! name: String! value: String! }
type Port implements Node { id: ID! port: Int! protocol: NetworkProtocol! description: String experimentalSkipHealthcheck: Boolean! }
type HealthcheckConfig implements Node { id: ID! args: [String!]! shell: Boolean! interval: String! timeout: String! startPeriod: String! startInterval: String! retries: Int! }
type Stat implements Node { id: ID! name: String! size: Int! permissions: Int! fileType: FileType! }
`;
