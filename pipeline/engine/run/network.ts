// The network of steps: a bridge in a namespace of the session's own, and a way out through pasta, which needs no rule on the host.
// Namespaces are bind mounts in the engine's mount namespace, so that they vanish with it.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EnvironmentError } from '../errors.ts';
import { hostAddresses } from './host-addresses.ts';
import { SESSION_FOLDER } from './mounts.ts';
import { DOMAIN, NameServer, Names } from './nameserver.ts';
import { contentOf } from './pid-file.ts';
import { Sockets } from './sockets.ts';
import type { NetworkNamespace } from './spec.ts';

const run = promisify(execFile);

/** A network namespace with an address on the bridge. */
export interface Attachment extends NetworkNamespace {
  readonly address: string;
  /** Gives the namespace back. */
  readonly release: () => Promise<void>;
}

const BRIDGE = '10.87.0.1';
/** An address that nobody has (RFC 5737): queries to it are handed to the host's own resolver by pasta. */
const FORWARDER = '192.0.2.53';
/** Whether or not there are services yet. */
const RESOLV_CONF = `search ${DOMAIN}\nnameserver ${BRIDGE}\n`;

const FOLDER = join(SESSION_FOLDER, 'n');
const ROUTER = join(FOLDER, 'router');
const IN_ROUTER = `nsenter --net=${ROUTER}`;

/** Loopback, and link-local neighbours: cloud metadata lives there. */
const NEVER = ['127.0.0.0/8', '169.254.0.0/16'];

/** Steps may speak to the world, not to the machine they run on, by any of its addresses. */
const FIREWALL = `
table ip drydock {
  set host {
    type ipv4_addr
    flags interval
    auto-merge
  }
  chain input {
    type filter hook input priority 0;
    ct state invalid drop comment "older pasta sends segments without any flag; an answer to one would reset the connection"
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ip daddr @host drop
  }
  chain postrouting {
    type nat hook postrouting priority 100;
    ip saddr 10.87.0.0/16 oifname != "br0" masquerade
  }
  chain names {
    type nat hook prerouting priority -100;
    iifname "br0" ip daddr ${BRIDGE} udp dport 53 dnat to ${FORWARDER} comment "until there are services, and a name server of ours"
    iifname "br0" ip daddr ${BRIDGE} tcp dport 53 dnat to ${FORWARDER}
  }
}
`;

/** Steps have addresses from 10.87.1.0 on, as many as run at once; services those from 10.87.128.0, each its own for the whole session. */
const stepAddress = (index: number) => `10.87.${1 + (index >> 8)}.${index & 255}`;
const serviceAddress = (index: number) => `10.87.${128 + (index >> 8)}.${index & 255}`;

/**
 * A step's capabilities are those of its user namespace, which does not own the network's. What they would allow there, any low port and
 * ping, is allowed to all instead, as Docker does.
 */
const LIKE_ROOT = `cd /proc/sys/net/ipv4
echo 0 > ip_unprivileged_port_start
{ echo 0 2147483647 || echo 0 65535 || echo 0 0; } 2>/dev/null > ping_group_range`;

/** What steps and services have of a network. */
export interface Networks {
  readonly names: Names;
  /** What /etc/resolv.conf says in a step that has this attachment. */
  readonly resolverOf: (attachment: Attachment | undefined) => string;
  readonly lease: () => Promise<Attachment | undefined>;
  readonly attach: (service: string) => Promise<Attachment>;
  readonly addressFor: (service: string) => string;
  readonly addAddress: (address: string) => Promise<() => Promise<void>>;
  readonly sockets: () => Promise<Sockets>;
}

export class Network implements Networks {
  readonly names = new Names();
  readonly #offline: boolean;
  readonly #enter: readonly [string, ...string[]];
  #router: Promise<void> | undefined;
  #sockets: Promise<Sockets> | undefined;
  /** Addresses of the host, as the firewall has them. */
  #blocked = '';
  #links = 0;
  #steps = 0;
  readonly #free: Attachment[] = [];
  readonly #serviceAddresses = new Map<string, string>();

  /** `enter` begins the command lines of processes that are to end with the session. */
  constructor({ offline }: { offline: boolean }, enter: readonly [string, ...string[]]) {
    this.#offline = offline;
    this.#enter = enter;
  }

  resolverOf(attachment: Attachment | undefined): string {
    return attachment === undefined ? '' : RESOLV_CONF;
  }

  /** A namespace for a step. With the network off there is one only once there are services to speak to. */
  async lease(): Promise<Attachment | undefined> {
    if (this.#offline && this.#sockets === undefined) return undefined;
    await this.#start();
    await this.#blockHost();
    return this.#free.pop() ?? this.#attachStep();
  }

  /** Used again by later steps: none may change anything in it, and when a step is over all of its processes are gone. */
  async #attachStep(): Promise<Attachment> {
    const { path, sys, address } = await this.#attach(stepAddress(++this.#steps));
    const attachment: Attachment = { path, sys, address, release: async () => void this.#free.push(attachment) };
    return attachment;
  }

  /** A namespace for a service, with the address that it always has. */
  async attach(service: string): Promise<Attachment> {
    await this.#start();
    await this.#blockHost();
    const { path, sys, link, address } = await this.#attach(this.addressFor(service));
    const release = async () => {
      // The kernel takes its time to end a namespace; without its link it is out of the way of the next one at once.
      await shell(`${IN_ROUTER} ip link delete ${link}`).catch(() => {});
      await unmount(sys, path);
    };
    return { path, sys, address, release };
  }

  async #attach(address: string): Promise<{ path: string; sys: string; link: string; address: string }> {
    const link = `v${++this.#links}`;
    const path = join(FOLDER, link);
    const sys = `${path}.sys`;
    writeFileSync(path, '');
    mkdirSync(sys);
    const commands = [
      // An address always has the same hardware address, so that what neighbours remember of it stays right.
      `link add eth0 address ${hardwareAddress(address)} type veth peer name ${link} netns ${ROUTER}`,
      'link set lo up',
      'link set eth0 up',
      `address add ${address}/16 dev eth0`,
      ...(this.#offline ? [] : [`route add default via ${BRIDGE}`]),
    ];
    const setUp = `mount -t sysfs -o ro,nosuid,nodev,noexec sysfs ${sys}\n${LIKE_ROOT}\nip -batch - <<'.'\n${commands.join('\n')}\n.\nexec ${IN_ROUTER} ip link set ${link} master br0 up`;
    await run('unshare', [`--net=${path}`, 'sh', '-ec', setUp]).catch(asUnavailable);
    return { path, sys, link, address };
  }

  /** The address of a service, the same whenever it runs. */
  addressFor(service: string): string {
    const known = this.#serviceAddresses.get(service);
    if (known !== undefined) return known;
    const address = serviceAddress(this.#serviceAddresses.size + 1);
    this.#serviceAddresses.set(service, address);
    return address;
  }

  /** Gives the bridge itself one more address, for what the engine answers there. */
  async addAddress(address: string): Promise<() => Promise<void>> {
    await this.#start();
    const change = (verb: 'add' | 'del') =>
      run('nsenter', [`--net=${ROUTER}`, 'ip', 'address', verb, `${address}/32`, 'dev', 'br0']);
    await change('add');
    return async () => {
      await change('del').catch(() => {}); // gone with the session
    };
  }

  /** Sockets on the bridge, and with them a name server that knows the session's services. */
  sockets(): Promise<Sockets> {
    this.#sockets ??= this.#openSockets();
    this.#sockets.catch(() => {
      this.#sockets = undefined;
    });
    return this.#sockets;
  }

  async #openSockets(): Promise<Sockets> {
    await this.#start();
    const sockets = new Sockets(this.#enter, ROUTER);
    const server = new NameServer(this.names, this.#offline ? [] : hostNameServers());
    await server.listen(sockets, BRIDGE);
    if (!this.#offline) await run('nsenter', [`--net=${ROUTER}`, 'nft', 'flush', 'chain', 'ip', 'drydock', 'names']);
    return sockets;
  }

  #start(): Promise<void> {
    this.#router ??= this.#startRouter().catch(asUnavailable);
    return this.#router;
  }

  async #startRouter(): Promise<void> {
    writeFileSync(ROUTER, '');
    // The bridge's hardware address is set, or it would be the lowest of its ports' and change as these come and go.
    const bridge = `ip link add br0 address ${hardwareAddress(BRIDGE)} type bridge`;
    await shell(
      `unshare --net=${ROUTER} sh -ec 'ip link set lo up; ${bridge}; ip address add ${BRIDGE}/16 dev br0; ip link set br0 up'`,
    );
    if (this.#offline) return;
    await this.#openWayOut();
    await this.#blockHost(FIREWALL);
    await shell(`${IN_ROUTER} sh -ec 'echo 1 >/proc/sys/net/ipv4/ip_forward'`);
  }

  /** To be asked again whenever something starts: the host gets addresses while a session lasts, of another network or a container's. */
  async #blockHost(rules = ''): Promise<void> {
    const addresses = [...NEVER, ...hostAddresses()].join(', ');
    if (this.#offline || addresses === this.#blocked) return;
    await setRules(`${rules}\nflush set ip drydock host\nadd element ip drydock host { ${addresses} }\n`);
    this.#blocked = addresses;
  }

  /** If pasta ends, it is started again: a step that waits for an answer would wait for minutes. At the end of a session it cannot be. */
  async #openWayOut(times = MOST_WAYS_OUT): Promise<void> {
    const { over } = await startPasta(this.#enter);
    const again = async (why: string) => {
      await this.#openWayOut(times - 1);
      process.stderr.write(
        `warning: pasta, which connects steps to the network, ended (${why}) and was started again\n`,
      );
    };
    if (times > 1) void over.then(again).catch(() => {});
  }
}

/** What ends at once each time is not started for ever. */
const MOST_WAYS_OUT = 10;

/** Connects the router's namespace with the host's network; resolves when it has an interface and a route. */
async function startPasta(enter: readonly [string, ...string[]]): Promise<{ over: Promise<string> }> {
  const pidFile = join(FOLDER, 'pasta');
  rmSync(pidFile, { force: true });
  const isReady = contentOf(pidFile);
  const options = ['--quiet', '--foreground', '--config-net', '--no-map-gw', '--runas', '0', '--pid', pidFile];
  const ports = ['--tcp-ports', '--udp-ports', '--tcp-ns', '--udp-ns'].flatMap((direction) => [direction, 'none']);
  const [program, ...entering] = enter;
  const pasta = spawn(
    program,
    [...entering, 'pasta', ...options, ...ports, '--dns-forward', FORWARDER, '--netns', ROUTER],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const said: Buffer[] = [];
  pasta.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  const over = once(pasta, 'exit').then(([code, signal]) => lastOf(said) || signal || `exit code ${code}`);
  const failed = Promise.race([over, once(pasta, 'error')]).then(() => Promise.reject(unavailable(said)));
  failed.catch(() => {}); // later ends are told by `over`
  await Promise.race([isReady, failed]);
  return { over };
}

const lastOf = (said: Buffer[]): string => Buffer.concat(said).toString().trim().split('\n').at(-1) as string;

let rulesets = 0;

/** All of them at once, or none. */
async function setRules(rules: string): Promise<void> {
  const file = join(FOLDER, `rules-${rulesets++}`);
  writeFileSync(file, rules);
  await shell(`${IN_ROUTER} nft -f ${file}`).catch(asUnavailable);
  rmSync(file);
}

async function unmount(...paths: string[]): Promise<void> {
  await run('umount', paths).catch(() => {}); // a session that ends takes its mounts with it
}

/** Of a program that sets it up: what it said last. */
function asUnavailable(error: Error & { stderr?: string }): never {
  if (error.stderr === undefined) throw error;
  const line = error.stderr.trim().split('\n').at(-1);
  throw new EnvironmentError(`steps have no network: ${line}`, 'run with --offline');
}

function unavailable(said: Buffer[]): EnvironmentError {
  const lines = Buffer.concat(said).toString().trim().split('\n');
  for (const [reason, hint] of WAYS_OUT) {
    const line = lines.find((one) => reason.test(one));
    if (line !== undefined) return new EnvironmentError(`steps have no network: pasta says ${line}`, hint);
  }
  return new EnvironmentError(`steps have no network: pasta says ${lastOf(said)}`, 'run with --offline');
}

const WAYS_OUT: readonly (readonly [RegExp, string])[] = [
  [
    /\/dev\/net\/tun: No such/,
    'sudo modprobe tun (or start the container with docker run --device /dev/net/tun IMAGE)',
  ],
  [/tun socket|\/dev\/net\/tun/, 'let users open it: sudo chmod 0666 /dev/net/tun'],
  [/interface/, 'connect this machine to a network, or run with --offline'],
];

const hardwareAddress = (address: string) =>
  ['02', '00', ...address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');

async function shell(script: string): Promise<void> {
  await run('sh', ['-c', script]);
}

/** The host's name servers, whom queries for anything but the session's own names are handed to. */
const hostNameServers = (): string[] =>
  [...readFileSync('/etc/resolv.conf', 'utf8').matchAll(/^nameserver\s+(\S+)/gm)].map(
    ([, address]) => address as string,
  );
