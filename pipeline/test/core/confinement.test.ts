// What a scanner wrote about its own confinement: read whole or not at all, and judged.
import { expect, test } from 'vitest';
import { type Confinement, confinementFault, parseConfinement } from '../../src/core/confinement.ts';

const PROOF: Record<string, string> = {
  interfaces: 'lo',
  CapInh: '0000000000000000',
  CapPrm: '0000000000000000',
  CapEff: '0000000000000000',
  CapBnd: '0000000000000000',
  CapAmb: '0000000000000000',
  NoNewPrivs: '1',
  writable: '',
  sockets: '',
  environment: 'PATH HOME',
};

/** As the program writes it: /proc/self/status has tabs. */
const proof = (over: Record<string, string | undefined> = {}) =>
  Object.entries({ ...PROOF, ...over })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}:\t${value}\n`)
    .join('');

const CONFINED: Confinement = {
  interfaces: [],
  capabilities: '0',
  noNewPrivileges: true,
  writable: [],
  sockets: [],
  environment: ['HOME', 'PATH'],
};

const read: [name: string, text: string, expected: Partial<Confinement>, fault: string | null][] = [
  ['confined', proof(), CONFINED, null],
  [
    'a network',
    proof({ interfaces: 'lo eth0 eth1' }),
    { interfaces: ['eth0', 'eth1'] },
    'it has the network interface eth0, it has the network interface eth1',
  ],
  [
    'one capability in one set',
    proof({ CapBnd: '0000000000200000' }),
    { capabilities: '200000' },
    'it has capabilities (200000)',
  ],
  [
    'capabilities of several sets',
    proof({ CapPrm: '1', CapAmb: '2' }),
    { capabilities: '3' },
    'it has capabilities (3)',
  ],
  [
    'a machine that refuses it',
    proof({ refusal: 'unshare: unshare failed: Operation not permitted', interfaces: 'lo eth0' }),
    { interfaces: ['eth0'], refusal: 'unshare: unshare failed: Operation not permitted' },
    'it has the network interface eth0',
  ],
  ['privileges to be had', proof({ NoNewPrivs: '0' }), { noNewPrivileges: false }, 'it may gain privileges'],
  [
    'an input to write to',
    proof({ writable: '/scan/source' }),
    { writable: ['/scan/source'] },
    'it can write to /scan/source',
  ],
  [
    'a socket',
    proof({ sockets: '/run/docker.sock' }),
    { sockets: ['/run/docker.sock'] },
    'it sees the socket /run/docker.sock',
  ],
  [
    'all at once',
    proof({ NoNewPrivs: '0', sockets: '/a', CapEff: 'f' }),
    {},
    'it has capabilities (f), it may gain privileges, it sees the socket /a',
  ],
];
for (const [name, text, expected, fault] of read) {
  test(`proof: ${name}`, () => {
    const confinement = parseConfinement(text);
    expect(confinement).toMatchObject(expected);
    expect(confinementFault(confinement)).toBe(fault === null ? null : `the scanner was not confined: ${fault}`);
  });
}

const holes: [name: string, text: string, message: string][] = [
  ['nothing', '', 'lacks interfaces'],
  ...Object.keys(PROOF).map((name): [string, string, string] => [
    `no ${name}`,
    proof({ [name]: undefined }),
    `lacks ${name}`,
  ]),
  ['no interface at all: nobody looked', proof({ interfaces: '' }), 'lacks the loopback interface'],
  ['capabilities that are blank', proof({ CapEff: '' }), 'has no valid CapEff: ""'],
  ['capabilities that are words', proof({ CapEff: 'none' }), 'has no valid CapEff: "none"'],
];
for (const [name, text, message] of holes)
  test(`a proof with a hole: ${name}`, () => expect(() => parseConfinement(text)).toThrow(message));
