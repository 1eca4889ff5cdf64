// What the kernel says of local addresses, as fib_trie in proc shows it (networking/fib_trie of its documentation): all that lead to this machine.
import { expect, test } from 'vitest';
import { localIn } from '../../../engine/run/host-addresses.ts';

const TABLES = `Id 100:
  +-- 0.0.0.0/0 1 0 0
     |-- 0.0.0.0
        /0 host LOCAL
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 192.0.2.9
        /32 host LOCAL
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     |-- 192.0.2.0
        /24 link UNICAST
        /32 link BROADCAST
     |-- 192.0.2.2
        /32 host LOCAL
     |-- 203.0.113.0
        /24 host LOCAL
        /32 host LOCAL
Id 200:
  +-- 0.0.0.0/0 1 0 0
     |-- 198.51.100.1
        /32 host LOCAL
`;

test('single addresses and whole networks of the table of what is local, and no others', () => {
  expect(localIn(TABLES)).toEqual(['127.0.0.0/8', '127.0.0.1/32', '192.0.2.2/32', '203.0.113.0/24', '203.0.113.0/32']);
});

test('a machine without a network has its loopback', () => {
  expect(localIn('Main:\n  +-- 0.0.0.0/0 0 0 0\nLocal:\n  |-- 127.0.0.1\n     /32 host LOCAL\n')).toEqual([
    '127.0.0.1/32',
  ]);
  expect(localIn('')).toEqual([]);
});
