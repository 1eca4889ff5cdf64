// OpenVEX documents: what the specification's own examples say, and every fault with file and line.
import { expect, test } from 'vitest';
import { PipelineError } from '../../../src/core/errors.ts';
import { parseVex } from '../../../src/core/gate/vex.ts';

const parse = (text: string) => parseVex([{ file: 'policy/vex/a.json', text }]);

/** As an author writes it, pretty-printed: line 8 is where the statement begins. */
function vexDocument(over: Record<string, unknown> = {}, statement: Record<string, unknown> = {}): string {
  const written = {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': 'https://openvex.dev/docs/example/vex-1',
    author: 'us',
    timestamp: '2026-01-08T18:02:03Z',
    version: 1,
    statements: [
      {
        vulnerability: { name: 'CVE-2026-0001' },
        products: [{ '@id': 'pkg:npm/lodash' }],
        status: 'fixed',
        ...statement,
      },
    ],
    ...over,
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}

// The examples of https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md, their JSON fixed where it is none there.
const examples: [name: string, text: string, statements: unknown[]][] = [
  [
    'minimal',
    `{
  "@context": "https://openvex.dev/ns",
  "@id": "https://openvex.dev/docs/example/vex-9fb3463de1b57",
  "author": "Wolfi J Inkinson",
  "role": "Document Creator",
  "timestamp": "2023-01-08T18:02:03.647787998-06:00",
  "version": 1,
  "statements": [
    {
      "vulnerability": { "name": "CVE-2023-12345" },
      "products": [
        { "@id": "pkg:apk/wolfi/git@2.39.0-r1?arch=armv7" },
        { "@id": "pkg:apk/wolfi/git@2.39.0-r1?arch=x86_64" }
      ],
      "status": "fixed"
    }
  ]
}`,
    [
      {
        vulnerabilities: ['CVE-2023-12345'],
        products: [
          { names: ['pkg:apk/wolfi/git@2.39.0-r1?arch=armv7'], parts: [] },
          { names: ['pkg:apk/wolfi/git@2.39.0-r1?arch=x86_64'], parts: [] },
        ],
        status: 'fixed',
        justification: null,
        impact: null,
        timestamp: '2023-01-09T00:02:03.647Z',
        place: 'policy/vex/a.json:9',
      },
    ],
  ],
  [
    'Spring Boot and Log4j',
    `{
  "@context": "https://openvex.dev/ns/v0.2.0",
  "@id": "https://openvex.dev/docs/public/vex-2e67563e128250cbcb3e98930df948dd053e43271d70dc50cfa22d57e03fe96f",
  "author": "Spring Builds <spring-builds@users.noreply.github.com>",
  "role": "Project Release Bot",
  "timestamp": "2023-01-16T19:07:16.853479631-06:00",
  "version": 1,
  "statements": [
    {
      "vulnerability": {
        "@id": "https://nvd.nist.gov/vuln/detail/CVE-2021-44228",
        "name": "CVE-2021-44228",
        "description": "Remote code injection in Log4j",
        "aliases": ["GHSA-jfh8-c2jp-5v3q"]
      },
      "products": [
        {
          "@id": "pkg:maven/org.springframework.boot/spring-boot@2.6.0-M3",
          "identifiers": { "purl": "pkg:maven/org.springframework.boot/spring-boot@2.6.0-M3" },
          "hashes": { "sha-256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
        }
      ],
      "status": "not_affected",
      "justification": "vulnerable_code_not_in_execute_path",
      "impact_statement": "Spring Boot users are only affected if they have switched the default logging system to Log4J2."
    }
  ]
}`,
    [
      {
        vulnerabilities: ['CVE-2021-44228', 'GHSA-jfh8-c2jp-5v3q'],
        products: [
          {
            names: [
              'pkg:maven/org.springframework.boot/spring-boot@2.6.0-M3',
              'pkg:maven/org.springframework.boot/spring-boot@2.6.0-M3',
            ],
            parts: [],
          },
        ],
        status: 'not_affected',
        justification: 'vulnerable_code_not_in_execute_path',
        impact: 'Spring Boot users are only affected if they have switched the default logging system to Log4J2.',
        timestamp: '2023-01-17T01:07:16.853Z',
        place: 'policy/vex/a.json:9',
      },
    ],
  ],
  [
    'two statements, of which one inherits the time',
    `{
  "@context": "https://openvex.dev/ns",
  "@id": "https://openvex.dev/docs/example/vex-84822c4e5028c",
  "author": "Wolfi J Inkinson",
  "role": "Document Creator",
  "timestamp": "2023-01-09T09:08:42-06:00",
  "version": 1,
  "statements": [
    {
      "timestamp": "2023-01-08T18:02:03-06:00",
      "vulnerability": { "name": "CVE-2023-12345" },
      "products": [{ "@id": "pkg:apk/wolfi/git@2.39.0-r1?arch=armv7" }],
      "status": "under_investigation"
    },
    {
      "vulnerability": { "name": "CVE-2023-12345" },
      "products": [{ "@id": "pkg:apk/wolfi/git@2.39.0-r1?arch=armv7" }],
      "status": "fixed"
    }
  ]
}`,
    [
      expect.objectContaining({ status: 'under_investigation', timestamp: '2023-01-09T00:02:03.000Z' }),
      expect.objectContaining({ status: 'fixed', timestamp: '2023-01-09T15:08:42.000Z' }),
    ],
  ],
];
// The document of go-vex's own tests for 0.0.1 (openvex/go-vex, pkg/vex/testdata/v0.0.1.json), and one with parts.
test('an old document, in which names are texts', () => {
  const old = (statement: object) =>
    JSON.stringify({
      '@context': 'https://openvex.dev/ns/v0.0.1',
      '@id': 'https://openvex.dev/docs/example/vex-9fb3463de1b57',
      author: 'Wolfi J Inkinson',
      timestamp: '2023-01-08T18:02:03.647787998-06:00',
      version: '1',
      statements: [{ vulnerability: 'CVE-2023-12345', status: 'fixed', ...statement }],
    });
  const git = ['pkg:apk/wolfi/git@2.39.0-r1?arch=armv7', 'pkg:apk/wolfi/git@2.39.0-r1?arch=x86_64'];
  expect(parse(old({ products: git }))).toMatchObject([
    {
      vulnerabilities: ['CVE-2023-12345'],
      products: git.map((name) => ({ names: [name], parts: [] })),
      status: 'fixed',
    },
  ]);
  expect(parse(old({ products: ['pkg:oci/git'], subcomponents: git }))).toMatchObject([
    { products: [{ names: ['pkg:oci/git'], parts: git }] },
  ]);
});

for (const [name, text, statements] of examples)
  test(`the specification's example: ${name}`, () => expect(parse(text)).toEqual(statements));

test('an image with the parts that are meant, each by whatever names it', () => {
  const products = [
    {
      identifiers: { purl: 'pkg:oci/drydock-service' },
      subcomponents: [{ '@id': 'pkg:npm/a' }, { identifiers: { purl: 'pkg:npm/b' } }],
    },
  ];
  expect(parse(vexDocument({}, { products }))[0]?.products).toEqual([
    { names: ['pkg:oci/drydock-service'], parts: ['pkg:npm/a', 'pkg:npm/b'] },
  ]);
});

const wrong: [name: string, text: string, message: string | RegExp][] = [
  ['nothing', '', ':1: the file must be a mapping of names to values'],
  [
    'an unknown version',
    vexDocument({ '@context': 'https://openvex.dev/ns/v0.3.0' }),
    ':2: @context is "https://openvex.dev/ns/v0.3.0": a version of OpenVEX that is not known here',
  ],
  ['no version', vexDocument({ '@context': undefined }), /^:1: @context is missing/],
  // CycloneDX's VEX use case 1, CSAF 2.0 (section 4.5, profile VEX), SPDX 2.3 and 3.0: their first fields.
  [
    'CycloneDX',
    '{ "bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1, "vulnerabilities": [{ "id": "CVE-2020-25649" }] }',
    ':1: this is CycloneDX, and only OpenVEX is read here',
  ],
  [
    'CSAF',
    '{ "document": { "category": "csaf_vex", "csaf_version": "2.0" }, "product_tree": {}, "vulnerabilities": [] }',
    ':1: this is CSAF, and only OpenVEX is read here',
  ],
  ['SPDX', '{ "spdxVersion": "SPDX-2.3", "packages": [] }', ':1: this is SPDX, and only OpenVEX is read here'],
  [
    'SPDX 3',
    '{ "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [] }',
    ':1: this is SPDX, and only OpenVEX is read here',
  ],
  ['any other', '{"name": "CVE"}', /^:1: @context is missing/],
  ['no author', vexDocument({ author: undefined }), ':1: author is missing'],
  ['an author that is null', vexDocument({ author: null }), ':4: author is missing'],
  ['no time', vexDocument({ timestamp: undefined }), ':1: timestamp is missing'],
  ['no statements', vexDocument({ statements: undefined }), ':1: statements is missing'],
  [
    'a time without a zone',
    vexDocument({ timestamp: '2026-01-08T18:02:03' }),
    ':5: timestamp must be a time such as 2026-01-31T12:00:00Z, not "2026-01-08T18:02:03"',
  ],
  ['a day for a time', vexDocument({}, { timestamp: '2026-01-08' }), /^:18: statements\[0\]\.timestamp must be a time/],
  ['a month that is none', vexDocument({ timestamp: '2026-13-08T18:02:03Z' }), /^:5: timestamp must be a time/],
  [
    'a wrong status',
    vexDocument({}, { status: 'not-affected' }),
    ':17: statements[0].status cannot be "not-affected"; did you mean not_affected?',
  ],
  ['no status', vexDocument({}, { status: undefined }), ':8: statements[0].status is missing'],
  ['a status that is null', vexDocument({}, { status: null }), ':17: statements[0].status is missing'],
  [
    'not affected, and no word why',
    vexDocument({}, { status: 'not_affected' }),
    ':17: statements[0].status is not_affected, which needs a justification or an impact_statement',
  ],
  [
    'a justification that is none',
    vexDocument({}, { status: 'not_affected', justification: 'component_not_presen' }),
    /^:18: statements\[0\]\.justification cannot be "component_not_presen"; did you mean component_not_present\?$/,
  ],
  ['no vulnerability', vexDocument({}, { vulnerability: undefined }), ':8: statements[0].vulnerability is missing'],
  [
    'a vulnerability without a name',
    vexDocument({}, { vulnerability: {} }),
    ':9: statements[0].vulnerability.name is missing',
  ],
  [
    'no product',
    vexDocument({}, { products: undefined }),
    ':8: statements[0].products is missing: a statement about nothing says nothing',
  ],
  [
    'a product without a name',
    vexDocument({}, { products: [{ hashes: {} }] }),
    ':13: statements[0].products[0].@id is missing, and so is a purl among identifiers',
  ],
  [
    'a part without a name: else all of the image would be meant',
    vexDocument({}, { products: [{ '@id': 'pkg:oci/x', subcomponents: [{}] }] }),
    /subcomponents\[0\]\.@id is missing, and so is a purl among identifiers$/,
  ],
  ['no JSON: a comma is missing', vexDocument().replace('"us",', '"us"'), ':5: Missing , between flow map items'],
  ['no JSON: it ends early', vexDocument().slice(0, -4), /^:\d+: Flow/],
  [
    'a field twice',
    vexDocument().replace('"author": "us"', '"author": "us",\n  "author": "me"'),
    ':5: this name stands here a second time',
  ],
];
for (const [name, text, message] of wrong) {
  test(`refused: ${name}`, () => {
    let fault: unknown;
    try {
      parse(text);
    } catch (error) {
      fault = error;
    }
    if (!(fault instanceof PipelineError)) throw new Error(`no fault for people: ${fault}`);
    expect([fault.code, fault.exitCode]).toEqual(['BAD_VEX', 2]);
    const said = fault.message.replace('policy/vex/a.json', '');
    if (typeof message === 'string') expect(said).toBe(message);
    else expect(said).toMatch(message);
  });
}

test('the file that is wrong is named', () => {
  const documents = [
    { file: 'policy/vex/good.json', text: vexDocument() },
    { file: 'policy/vex/bad.json', text: '{}' },
  ];
  expect(() => parseVex(documents)).toThrow(/^policy\/vex\/bad\.json:1: /);
});
