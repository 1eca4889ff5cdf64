// Extended attributes: a capability of a user namespace reads as the one that it is elsewhere; what overlays note is nobody's (linux/capability.h, overlayfs.rst).
import { expect, test } from 'vitest';
import { carriedXattrs, portable, XattrSighting } from '../../../engine/store/xattrs.ts';

test('a capability of version 3 becomes one of version 2, its effective bit kept', () => {
  const inNamespace = Buffer.from('010000030020000000000000000000000000000000000070', 'hex');
  expect(portable('security.capability', inNamespace).toString('hex')).toBe('0100000200200000000000000000000000000000');
});

test('what an overlay notes for itself, and labels of the machine, are not carried', () => {
  const found = ['user.overlay.opaque', 'trusted.overlay.opaque', 'security.selinux', 'user.mime_type'];
  const carried = carriedXattrs(new Map(found.map((name) => [name, Buffer.from('y')])));
  expect(carried).toEqual({ 'user.mime_type': 'eQ==' });
});

test.each([0, 20, 40, 60])('a name is seen across the border of two pieces (%i bytes before it)', (before) => {
  const bytes = Buffer.from(`${'x'.repeat(80 + before)}51 SCHILY.xattr.security.capability=${'x'.repeat(80)}`);
  const sighting = new XattrSighting();
  for (const piece of [bytes.subarray(0, 120), bytes.subarray(120)]) sighting.look(piece);
  expect(sighting.seen).toBe(true);
});
