// Names of any bytes as text: what Python's documentation says of `surrogateescape`, and nothing is lost on the way there and back.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { decodeName, encodeName, isPlainName, onDisk } from '../../src/oci/names.ts';

const cases: [bytes: string, text: string][] = [
  ['', ''],
  ['616263', 'abc'],
  ['636166c3a9', 'café'],
  ['f09f929a', '💚'],
  ['efbbbf61', '\ufeffa'],
  ['efbfbd', '\ufffd'],
  ['80', '\udc80'],
  ['ff', '\udcff'],
  ['636166e9', 'caf\udce9'],
  ['c0af', '\udcc0\udcaf'],
  ['eda080', '\udced\udca0\udc80'],
  ['edb280', '\udced\udcb2\udc80'],
  ['f4908080', '\udcf4\udc90\udc80\udc80'],
  ['e282', '\udce2\udc82'],
  ['ff616263c3a9fe', '\udcffabcé\udcfe'],
  ['f09f929aff', '💚\udcff'],
];
for (const [hex, text] of cases) {
  test(`bytes ${hex || 'none'}`, () => {
    const bytes = Buffer.from(hex, 'hex');
    expect(decodeName(bytes)).toBe(text);
    expect(encodeName(text)).toEqual(bytes);
    expect(Buffer.from(onDisk(text))).toEqual(bytes);
    expect(isPlainName(text)).toBe(text.isWellFormed());
  });
}

test('any bytes come back', () => {
  for (let round = 0; round < 2000; round++) {
    const bytes = randomBytes(1 + (round % 12));
    expect(encodeName(decodeName(bytes))).toEqual(bytes);
  }
});
