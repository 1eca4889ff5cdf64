// Secrets in what others say: a registry's error may repeat the header that it was sent, in any form (RFC 7617, RFC 4648).
import { expect, test } from 'vitest';
import { hideIn } from '../../src/oci/hidden.ts';

const TOKEN = ['ghp', 'Zz0/9+aB?cD=='].join('_');
const PAIR = `drydock:${TOKEN}`;
const shown: [form: string, text: string][] = [
  ['as it is', TOKEN],
  ['in a header of Basic authorization', `Basic ${Buffer.from(PAIR).toString('base64')}`],
  ['without padding', Buffer.from(TOKEN).toString('base64').replace(/=+$/, '')],
  ['for addresses', encodeURIComponent(TOKEN)],
  ['in base64url', Buffer.from(PAIR).toString('base64url')],
  ['in hex', Buffer.from(TOKEN).toString('hex')],
  ['in capital hex', Buffer.from(TOKEN).toString('hex').toUpperCase()],
  ['twice', `${TOKEN}, ${TOKEN}`],
];
for (const [form, text] of shown)
  test(`hidden ${form}`, () => {
    const said = hideIn(`denied: "${text}" is not known`, [TOKEN, PAIR]);
    expect(said).toMatch(/^denied: "(Basic )?\*\*\*(, \*\*\*)?" is not known$/);
  });

test('nothing else goes: no empty secret, none so short that it is part of words', () => {
  expect(hideIn('denied: abc is not known', ['', 'abc'])).toBe('denied: abc is not known');
});
