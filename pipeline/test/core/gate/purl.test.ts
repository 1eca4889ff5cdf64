// Package URLs: read, and held against each other.
import { expect, test } from 'vitest';
import { matchesPurl, parsePurl } from '../../../src/core/gate/purl.ts';

const parts = (text: string) => {
  const purl = parsePurl(text);
  return purl && [purl.type, purl.namespace, purl.name, purl.version, Object.fromEntries(purl.qualifiers)];
};
const read: [text: string, parts: unknown][] = [
  ['pkg:npm/lodash', ['npm', '', 'lodash', null, {}]],
  ['pkg:npm/lodash@4.17.4', ['npm', '', 'lodash', '4.17.4', {}]],
  ['pkg:NPM/lodash@4.17.4', ['npm', '', 'lodash', '4.17.4', {}]],
  ['pkg:npm/%40scope/name@1.0.0', ['npm', '@scope', 'name', '1.0.0', {}]],
  ['pkg:npm/@scope/name@1.0.0', ['npm', '@scope', 'name', '1.0.0', {}]],
  ['pkg:npm/@scope/name', ['npm', '@scope', 'name', null, {}]],
  ['pkg://npm/lodash@1', ['npm', '', 'lodash', '1', {}]],
  [
    'pkg:deb/debian/openssl@1%3A3.5?arch=amd64&distro=debian-13',
    ['deb', 'debian', 'openssl', '1:3.5', { arch: 'amd64', distro: 'debian-13' }],
  ],
  ['pkg:golang/github.com/a/b@v1#cmd/x', ['golang', 'github.com/a', 'b', 'v1', {}]],
  [
    'pkg:oci/x@sha256%3Aabc?repository_url=ghcr.io/a/x',
    ['oci', '', 'x', 'sha256:abc', { repository_url: 'ghcr.io/a/x' }],
  ],
  ['pkg:npm/bad%ZZ@1', ['npm', '', 'bad%ZZ', '1', {}]],
  ['pkg:npm/', null],
  ['pkg:npm', null],
  ['npm/lodash', null],
  ['https://example.org/lodash', null],
  ['', null],
];
for (const [text, expected] of read) test(`purl ${text}`, () => expect(parts(text)).toEqual(expected));

const GIVEN = 'pkg:deb/debian/openssl@3.5.0?arch=amd64&distro=debian-13';
const LIBSSL = 'pkg:deb/debian/libssl3@3.0.19-1~deb12u2?arch=amd64&distro=debian-12.13';
const matches: [wanted: string, given: string, doesMatch: boolean][] = [
  [GIVEN, GIVEN, true],
  ['pkg:deb/debian/openssl', GIVEN, true],
  ['pkg:deb/debian/openssl@3.5.0', GIVEN, true],
  ['pkg:deb/debian/openssl@3.5.0?distro=debian-13', GIVEN, true],
  ['pkg:deb/debian/openssl@3.5.1', GIVEN, false],
  ['pkg:deb/debian/openssl?arch=arm64', GIVEN, false],
  ['pkg:deb/debian/openssl?vendor=x', GIVEN, false],
  ['pkg:deb/ubuntu/openssl', GIVEN, false],
  ['pkg:deb/openssl', GIVEN, false],
  ['pkg:deb/debian/open', GIVEN, false],
  ['pkg:apk/debian/openssl', GIVEN, false],
  ['pkg:npm/%40a/b', 'pkg:npm/@a/b@1', true],
  ['pkg:npm/b', 'pkg:npm/@a/b@1', false],
  ['pkg:npm/*', 'pkg:npm/b@1', false],
  // Of arthur-ai/arthur-engine pull request 1862, and docker-hardened-images/advisories issue 2051: what Trivy matches to nothing.
  ['pkg:deb/debian/libssl3@3.0.19-1~deb12u2?distro=debian-12', LIBSSL, false],
  ['pkg:deb/debian/libssl3@3.0.19-1~deb12u2?distro=debian-12.13', LIBSSL, true],
  ['pkg:deb/debian/libssl3@3.0.19-1~deb12u2?os_name=debian&os_version=12', LIBSSL, false],
  ['pkg:deb/debian/libssl3@3.0.19-1~deb12u2', LIBSSL, true],
  // package-url/purl-spec: a qualifier without a value is left out; case by type; PyPI's underscores are hyphens.
  ['pkg:deb/Debian/LibSSL3?arch=', LIBSSL, true],
  ['pkg:pypi/Ruamel_Yaml@0.18', 'pkg:pypi/ruamel-yaml@0.18', true],
  ['pkg:pypi/ruamel.yaml', 'pkg:pypi/ruamel-yaml@0.18', false],
  ['pkg:golang/GitHub.com/Azure/go-autorest', 'pkg:golang/github.com/azure/go-autorest@v14', true],
  ['pkg:maven/org.Apache/log4j', 'pkg:maven/org.apache/log4j@2', false],
  ['pkg:golang/x/crypto@v1#ssh', 'pkg:golang/x/crypto@v1', false],
  ['pkg:golang/x/crypto@v1#ssh', 'pkg:golang/x/crypto@v1#ssh/', true],
  ['pkg:golang/x/crypto@v1', 'pkg:golang/x/crypto@v1#ssh', true],
  // What is wanted leaves the version open; what is given never does by itself.
  ['pkg:npm/b@1', 'pkg:npm/b', false],
  ['https://example.org/a', 'https://example.org/a', true],
  ['https://example.org/a', GIVEN, false],
];
for (const [wanted, given, doesMatch] of matches)
  test(`${wanted} ${doesMatch ? 'speaks' : 'does not speak'} of ${given}`, () =>
    expect(matchesPurl(wanted, given)).toBe(doesMatch));
