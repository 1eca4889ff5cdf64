// What a service listens to, from tables as proc(5) and the kernel's documentation (networking/proc_net_tcp) show them.
import { expect, test } from 'vitest';
import { listening, phraseListening } from '../../src/probes/sockets.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const row = (local: string, state: string) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 23456 1 0000000000000000 100 0 0 10 0`;

test.for([
  ['any address', row('00000000:0BB8', '0A'), ['3000']],
  ['loopback', row('0100007F:1F40', '0A'), ['127.0.0.1:8000']],
  ['an established connection', row('46010A0A:BB82', '01'), []],
  ['any address of IPv6', row('00000000000000000000000000000000:0BB8', '0A'), ['3000']],
  ['loopback of IPv6', row('00000000000000000000000001000000:1F90', '0A'), ['[::1]:8080']],
  ['an address of IPv4 in IPv6', row('0000000000000000FFFF00000100007F:0050', '0A'), ['127.0.0.1:80']],
  ['the same port for both', [row('00000000:0050', '0A'), row(`${'0'.repeat(32)}:0050`, '0A')].join('\n'), ['80']],
  ['nothing', '', []],
] as const)('%s', ([, table, places]) => expect(listening(`${HEAD}\n${table}\n`)).toEqual(places));

test('in a sentence', () => {
  expect(phraseListening('')).toBe('');
  expect(phraseListening(HEAD)).toBe('; it listens to no port');
  expect(phraseListening([HEAD, row('00000000:0BB8', '0A'), row('0100007F:1F40', '0A')].join('\n'))).toBe(
    '; it listens to 3000 and 127.0.0.1:8000',
  );
});
