// Repositories at an address: who is asked, what git is told for it, and what it says of their refs.
import { EngineError, notSupported } from '../errors.ts';
import type { Session } from '../session.ts';
import { lazy, type RemoteRepository, SecretValue } from '../values.ts';
import type { GitRunner } from './git-runner.ts';

export interface RemoteArgs {
  readonly url: string;
  /** Of SDKs that ask for it here; `tree` says by itself whether it is kept. */
  readonly keepGitDir?: boolean;
  readonly sshKnownHosts?: string;
  readonly sshAuthSocket?: string;
  readonly httpAuthUsername?: string;
  readonly httpAuthToken?: string;
  readonly httpAuthHeader?: string;
  readonly experimentalServiceHost?: string;
}

const REFUSED = ['sshKnownHosts', 'sshAuthSocket', 'experimentalServiceHost'] as const;

export function remoteRepository(args: RemoteArgs, session: Session): RemoteRepository {
  for (const name of REFUSED) if (args[name]) throw notSupported(`git(${name})`);
  const url = addressOf(args.url);
  const secretOf = (id: string | undefined) => (id === undefined ? undefined : session.load(id, SecretValue));
  const [token, header] = [secretOf(args.httpAuthToken), secretOf(args.httpAuthHeader)];
  return {
    url,
    variables: lazy(async () => {
      const user = args.httpAuthUsername || 'x-access-token';
      const basic = async ({ plaintext }: SecretValue) =>
        `Basic ${Buffer.concat([Buffer.from(`${user}:`), await plaintext()]).toString('base64')}`;
      const authorization = token ? await basic(token) : (await header?.plaintext())?.toString();
      return { ...Object.fromEntries(session.proxies()), ...settings(url, authorization) };
    }),
  };
}

/** As it is written for `git clone`. Without a scheme it is one of the web. */
function addressOf(text: string): string {
  const named = /^[\w-]+(\.[\w-]+)+\//.test(text) ? `https://${text}` : text;
  const url = URL.canParse(named) ? new URL(named) : undefined;
  if (url !== undefined && ['https:', 'http:', 'git:'].includes(url.protocol)) return named;
  if (url?.protocol === 'ssh:' || /^[\w.-]+@[\w.-]+:/.test(text)) throw notSupported('git of an address of ssh');
  throw new EngineError(`${JSON.stringify(text)} is no address of a repository`, 'write it with https:// or git://');
}

/** Told by variables, since a command line is seen by everybody. They hold for this address, and for no other protocol than its own. */
function settings(url: string, authorization: string | undefined): Record<string, string> {
  const { protocol } = new URL(url);
  const all: [string, string][] = [
    [`protocol.${protocol.slice(0, -1)}.allow`, 'always'],
    // In bytes and seconds. A server that is counting what it will send keeps the connection open with less.
    ['http.lowSpeedLimit', '1000'],
    ['http.lowSpeedTime', '120'],
    ['credential.helper', ''],
    ...(authorization === undefined
      ? []
      : [[`http.${url}.extraHeader`, `Authorization: ${authorization}`] as [string, string]]),
  ];
  const numbered = all.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_COUNT: String(all.length), ...Object.fromEntries(numbered) };
}

/** What a repository says of its refs, in the form of `git show-ref`; `HEAD` is what it is a name of. */
export async function remoteRefs(git: GitRunner, { url }: RemoteRepository): Promise<{ text: string; head: string }> {
  const said = await git(['ls-remote', '--symref', '--', url]);
  const lines = said.split('\n').filter((line) => !line.startsWith('ref: '));
  // Any other name is one that no branch can have, an option of git among them.
  const head = /^ref: (refs\/\S+)\tHEAD$/m.exec(said)?.[1] ?? 'HEAD';
  return { text: lines.join('\n').replaceAll('\t', ' '), head };
}
