// What the session's name server answers by itself, byte by byte, and what it leaves to others.
import { describe, expect, test } from 'vitest';
import { answerFrom, failure, RCODE, readQuestion } from '../../../engine/run/dns.ts';
import { Names } from '../../../engine/run/nameserver.ts';

const TYPES = { A: 1, AAAA: 28, PTR: 12, MX: 15 } as const;

function query(name: string, type: keyof typeof TYPES = 'A', extra = Buffer.alloc(0)): Buffer {
  const header = Buffer.from([0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, extra.length === 0 ? 0 : 1]);
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, TYPES[type], 0, 1]), extra]);
}

/** An answer in the terms of a test: its code, and the data of its one record as text. */
function read(answer: Buffer | undefined): string {
  if (answer === undefined) return 'asked elsewhere';
  const name = ['found', '', 'failed', 'no such name'][(answer[3] ?? 0) & 0x0f];
  if (answer.readUInt16BE(6) === 0) return `${name}, nothing`;
  const end = readQuestion(Buffer.concat([answer.subarray(0, 2), Buffer.from([1, 0]), answer.subarray(4)]))?.end ?? 0;
  const record = answer.subarray(end);
  const data = record.subarray(12, 12 + record.readUInt16BE(10));
  return `${name}, ${record.readUInt16BE(2) === TYPES.A ? data.join('.') : data.toString('latin1')}`;
}

function zone(): Names {
  const names = new Names();
  names.add(['shop', 'Back.End'], '10.87.128.1');
  return names;
}

describe('answers', () => {
  const cases: [what: string, query: Buffer, answer: string][] = [
    ['a service by its full name', query('shop.drydock.internal'), 'found, 10.87.128.1'],
    ['in any case', query('SHOP.Drydock.Internal'), 'found, 10.87.128.1'],
    ['no IPv6 address', query('shop.drydock.internal', 'AAAA'), 'found, nothing'],
    ['no mail server', query('shop.drydock.internal', 'MX'), 'found, nothing'],
    ['an unknown name of the session', query('gone.drydock.internal'), 'no such name, nothing'],
    ['the domain itself', query('drydock.internal'), 'found, nothing'],
    ['a bare name', query('shop'), 'no such name, nothing'],
    ['a name with a dot', query('back.end'), 'found, 10.87.128.1'],
    ['a name with a dot and the domain', query('back.end.drydock.internal'), 'found, 10.87.128.1'],
    ['a name of the world', query('example.com'), 'asked elsewhere'],
    ['a domain that only ends alike', query('notdrydock.internal'), 'asked elsewhere'],
    ['who has an address', query('1.128.87.10.in-addr.arpa', 'PTR'), 'found, \x04shop\x07drydock\x08internal\x00'],
    ['who has an address that nobody has', query('9.9.87.10.in-addr.arpa', 'PTR'), 'no such name, nothing'],
    ['who has an address of the world', query('1.1.1.1.in-addr.arpa', 'PTR'), 'asked elsewhere'],
    ['with an option record', query('shop.drydock.internal', 'A', Buffer.alloc(11)), 'found, 10.87.128.1'],
  ];
  for (const [what, asked, answer] of cases) test(what, () => expect(read(answerFrom(zone(), asked))).toBe(answer));

  test('keeps the id and the question as they were asked', () => {
    const asked = query('SHOP.drydock.internal');
    const answer = answerFrom(zone(), asked);
    expect(answer?.subarray(0, 2)).toEqual(asked.subarray(0, 2));
    expect(answer?.subarray(12, asked.length)).toEqual(asked.subarray(12));
  });

  test('says that it must not be remembered', () => {
    const asked = query('shop.drydock.internal');
    expect(answerFrom(zone(), asked)?.readUInt32BE(asked.length + 6)).toBe(0);
  });

  test('a failure names its code', () => {
    expect(read(failure(query('example.com'), RCODE.serverFailure))).toBe('failed, nothing');
  });
});

describe('what is no question', () => {
  const asked = query('shop.drydock.internal');
  const changed = (at: number, byte: number) => {
    const message = Buffer.from(asked);
    message[at] = byte;
    return message;
  };
  const cases: [what: string, message: Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['half a header', asked.subarray(0, 7)],
    ['a question without its end', asked.subarray(0, asked.length - 3)],
    ['a label that runs over the end', changed(12, 63)],
    ['a compressed name', changed(12, 0xc0)],
    ['an answer', changed(2, 0x81)],
    ['two questions', changed(5, 2)],
  ];
  for (const [what, message] of cases) {
    test(what, () => {
      expect(readQuestion(message)).toBeUndefined();
      expect(answerFrom(zone(), message)).toBeUndefined();
      expect(failure(message, RCODE.serverFailure)).toBeUndefined();
    });
  }
});

describe('names', () => {
  test('the last to come has a name, and gives it back', () => {
    const names = zone();
    const withdraw = names.add(['shop'], '10.87.128.2');
    expect(names.addressOf('shop')).toBe('10.87.128.2');
    withdraw();
    expect(names.addressOf('shop')).toBe('10.87.128.1');
  });
});
