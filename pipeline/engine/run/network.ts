// The network of steps: a bridge in a namespace of the session's own, and a way out through pasta, which needs no rule on the host.
// Namespaces are bind mounts in the engine's mount namespace, so that they vanish with it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EnvironmentError } from '../errors.ts';
import { SESSION_FOLDER } from './mounts.ts';

const run = promisify(execFile);

export interface StepNetwork {
  /** Path of the network namespace. */
  readonly path: string;
  /** Address of the name server. */
  readonly resolver: string;
  /** Gives the namespace back. */
  readonly release: () => void;
}

const BRIDGE = '10.87.0.1';
/** An address that nobody has (RFC 5737): queries to it are handed to the host's own resolver by pasta. */
const RESOLVER = '192.0.2.53';

/** Steps may speak to the world, not to the machine they run on or its link-local neighbours (cloud metadata lives there). */
const FIREWALL = `
table ip drydock {
  chain input {
    type filter hook input priority 0;
    ct state invalid drop comment "older pasta sends segments without any flag; an answer to one would reset the connection"
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ip daddr { 127.0.0.0/8, 169.254.0.0/16 } drop
  }
  chain postrouting {
    type nat hook postrouting priority 100;
    ip saddr 10.87.0.0/16 oifname != "br0" masquerade
  }
}
`;

export class Network {
  #router: Promise<ChildProcess> | undefined;
  #counter = 0;

  /** A namespace with an address on the bridge. */
  async lease(): Promise<StepNetwork> {
    this.#router ??= this.#start();
    await this.#router;
    const index = ++this.#counter;
    const path = join(SESSION_FOLDER, 'n', `s${index}`);
    const router = join(SESSION_FOLDER, 'n', 'router');
    const address = `10.87.${1 + (index >> 8)}.${index & 255}`;
    writeFileSync(path, '');
    const inside = [
      `ip link set lo up`,
      `ip link set eth0 up`,
      `ip addr add ${address}/16 dev eth0`,
      `ip route add default via ${BRIDGE}`,
    ];
    await shell(
      [
        // The step's end is made inside its own namespace; the bridge's end is then moved by the namespace that holds it.
        `unshare --net=${path} true`,
        `nsenter --net=${path} ip link add eth0 type veth peer name v${index} netns /proc/$$/fd/9 2>/dev/null || nsenter --net=${router} sh -c 'exec 9<${path}; ip link add v${index} type veth peer name eth0 netns /proc/self/fd/9'`,
        `nsenter --net=${router} ip link set v${index} master br0 up`,
        `nsenter --net=${path} sh -c '${inside.join(' && ')}'`,
      ].join(' && '),
    );
    return { path, resolver: RESOLVER, release: () => void shell(`umount ${path}`).catch(() => {}) };
  }

  async #start(): Promise<ChildProcess> {
    const path = join(SESSION_FOLDER, 'n', 'router');
    writeFileSync(path, '');
    await shell(`unshare --net=${path} true`);
    const pasta = spawn(
      'setpriv',
      [
        '--pdeathsig',
        'KILL',
        'pasta',
        '--quiet',
        '--foreground',
        '--config-net',
        '--no-map-gw',
        '--tcp-ports',
        'none',
        '--udp-ports',
        'none',
        '--tcp-ns',
        'none',
        '--udp-ns',
        'none',
        '--dns-forward',
        RESOLVER,
        '--runas',
        '0',
        '--netns',
        path,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const said: Buffer[] = [];
    pasta.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
    await Promise.race([waitForInterface(path), once(pasta, 'exit').then(() => Promise.reject(unavailable(said)))]);
    const ruleset = join(SESSION_FOLDER, 'n', 'rules');
    writeFileSync(ruleset, FIREWALL);
    await shell(
      `nsenter --net=${path} sh -c 'sysctl -qw net.ipv4.ip_forward=1 && ip link add br0 type bridge && ip addr add ${BRIDGE}/16 dev br0 && ip link set br0 up && nft -f ${ruleset}'`,
    );
    return pasta;
  }

  async close(): Promise<void> {
    const pasta = await this.#router?.catch(() => undefined);
    if (pasta === undefined || pasta.exitCode !== null) return;
    const gone = once(pasta, 'exit');
    pasta.kill('SIGKILL');
    await gone;
  }
}

const unavailable = (said: Buffer[]) =>
  new EnvironmentError(
    `steps have no network: pasta says ${Buffer.concat(said).toString().trim().split('\n').at(-1) ?? 'nothing'}`,
    'install passt, or run with --offline',
  );

async function waitForInterface(path: string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const { stdout } = await run('nsenter', [`--net=${path}`, 'ip', '-o', 'route', 'show', 'default']);
    if (stdout.includes('default')) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new EnvironmentError('steps have no network: pasta did not set up an interface in 5 s', 'run with --offline');
}

async function shell(script: string): Promise<void> {
  await run('sh', ['-c', script]);
}

/** The host's name servers, for whoever wants to say what steps will use. */
export const hostNameServers = (): string[] =>
  [...readFileSync('/etc/resolv.conf', 'utf8').matchAll(/^nameserver\s+(\S+)/gm)].map(
    ([, address]) => address as string,
  );
