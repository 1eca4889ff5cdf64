// What a look at a repository says of its service: scripts, port, health path, and where each was seen.
import { NODE_MAJOR } from '../check/node-rules.ts';
import { scriptsOf } from '../check/package-view.ts';
import { fileOf } from '../package.ts';
import { fieldsIn, recordOf } from '../record.ts';
import { USUAL } from '../subject-file.ts';
import type { Choice } from './choose.ts';
import type { InitFacts, Text } from './facts.ts';
import { type FoundNeeds, needsIn } from './needs.ts';
import { checkedPath, exposedPort, isPort, placeIn, type Seen } from './seen.ts';

export type Found = {
  choice: Choice;
  fields: Record<string, unknown>;
  port: Seen<number> | null;
  health: Seen<string> | null;
  /** Commands that differ from the scripts drydock takes by itself; false is none. */
  commands: Partial<Record<CommandName, string | false>>;
  backing: FoundNeeds;
};

type CommandName = 'lint' | 'types' | 'test' | 'build';

export function lookAt(facts: InitFacts, choice: Choice): Found {
  const fields = fieldsIn(facts.candidates.find(({ folder }) => folder === choice.folder)?.manifest ?? null) ?? {};
  return {
    choice,
    fields,
    port: portIn(facts, fields, choice),
    health: healthIn(facts),
    commands: commandsIn(fields),
    backing: needsIn(facts.compose),
  };
}

function portIn(
  { dockerfile, sources }: InitFacts,
  fields: Record<string, unknown>,
  { folder }: Choice,
): Seen<number> | null {
  const scripts = recordOf(fields.scripts);
  const started = [scripts['start:prod'], scripts.start].map(String).join('\n');
  const manifest = { file: fileOf({ path: folder }, 'package.json'), text: started };
  const exposed = dockerfile === null ? null : exposedPort(dockerfile);
  if (exposed !== null) return exposed;
  const looked: [Text, RegExp][] = [
    [manifest, /\bPORT=(\d+)/],
    ...sources.map((source): [Text, RegExp] => [source, LISTENING]),
  ];
  for (const [text, pattern] of looked) {
    const found = pattern.exec(text.text);
    const port = Number(found?.slice(1).find((part) => part !== undefined));
    if (found !== null && isPort(port))
      return { value: port, from: text === manifest ? text.file : placeIn(text, found.index) };
  }
  return null;
}

/** `listen(3000`, `process.env.PORT || '3000'`, `const port = 3000`, `listen({ port: 3000 })`. */
const LISTENING = new RegExp(
  [
    String.raw`\.listen\(\s*(\d{2,5})\b`,
    String.raw`\bPORT\b['"\])]*\s*(?:\|\||\?\?|,)\s*['"]?(\d{3,5})\b`,
    String.raw`\b(?:const|let|var)\s+(?:port|PORT)\b[^=\n]*=\s*(\d{2,5})\b`,
    String.raw`\b(?:listen|serve)\(\s*\{[^}]{0,1000}\bport:\s*(\d{2,5})\b`,
  ].join('|'),
);

function healthIn({ dockerfile, sources }: InitFacts): Seen<string> | null {
  const checked = dockerfile === null ? null : checkedPath(dockerfile);
  if (checked !== null) return checked;
  const entries = sources.filter(({ file }) => ENTRY.test(file));
  for (const [pattern, looked] of [[HEALTH, sources] as const, [ANSWERING, entries] as const])
    for (const source of looked) {
      const found = pattern.exec(source.text);
      if (found?.[1] !== undefined) return { value: found[1], from: placeIn(source, found.index) };
    }
  return null;
}

const HEALTH = /['"`](\/(?:[\w-]+\/)*(?:health(?:z|[-_]?check)?|livez?|livenessz?|readyz?|_health|ping))['"`]/;
/** The root, where nothing else was seen: of the program itself, not of a router that is put below something. */
const ENTRY = /^(?:(?!.*routes?\/).*\/)?(?:server|main|index|app)\.[cm]?[jt]s$/;
const ANSWERING = /\b(?:app|server|fastify)\.get\(\s*['"`](\/)['"`]/;

const OTHER_NAMES: Readonly<Record<CommandName, readonly string[]>> = {
  lint: ['lint:check', 'eslint', 'lint:ci'],
  types: ['typecheck', 'type-check', 'check-types', 'check:types', 'types:check', 'tsc'],
  test: ['test:unit', 'test:ci', 'unit'],
  build: ['compile', 'build:prod', 'build:ts', 'dist'],
};

/** `npm init` writes it into every package. */
const NO_TEST = /^echo ["\\']*Error: no test specified/;

function commandsIn(fields: Record<string, unknown>): Found['commands'] {
  const scripts = scriptsOf({ fields });
  const found = Object.entries(OTHER_NAMES).flatMap(([name, others]): [string, string | false][] => {
    if (name === 'test' && NO_TEST.test(String(scripts.test))) return [[name, false]];
    if (Object.hasOwn(scripts, name)) return [];
    const other = others.find((one) => Object.hasOwn(scripts, one));
    return other === undefined ? [] : [[name, `npm run --silent ${other}`]];
  });
  return Object.fromEntries(found);
}

/** Rows for a person, each a name and what was found. */
export function describeFound(
  facts: InitFacts,
  { choice, fields, port, health, backing }: Found,
): [name: string, found: string][] {
  const at = (name: string) => fileOf({ path: choice.folder }, name);
  const scripts = Object.keys(scriptsOf({ fields }));
  const has = (pattern: RegExp) => [...facts.names, ...facts.entries].find((name) => pattern.test(name));
  const managers = facts.entries.concat(facts.names).filter((name) => LOCKS.test(name));
  const engines = recordOf(fields.engines).node;
  const node = [
    ...(typeof engines === 'string' ? [`${engines} (engines.node)`] : []),
    ...facts.nodeFiles.map(({ file, text }) => `${text.trim()} (${file})`),
  ];
  const compose = has(/^(docker-)?compose\.ya?ml$/);
  const others = choice.others.length === 0 ? '' : `; others look like one too: ${choice.others.join(', ')}`;
  return [
    ['service', `${at('package.json')}${others}`],
    ['language', has(/^tsconfig\.json$/) === undefined ? 'JavaScript' : 'TypeScript (tsconfig.json)'],
    ['lock file', managers.length === 0 ? 'none' : [...new Set(managers)].join(', ')],
    ...(facts.workspaces.length === 0 ? [] : [['workspaces', facts.workspaces.join(', ')] as [string, string]]),
    ['scripts', scripts.length === 0 ? 'none' : scripts.join(', ')],
    ['Node', `${node.length === 0 ? 'nothing said' : node.join(', ')}; everything runs on Node ${NODE_MAJOR}`],
    ['port', port === null ? `none seen: ${USUAL.port}, passed to it as PORT` : `${port.value} (${port.from})`],
    ['health', health === null ? `none seen: ${USUAL.health} has to answer 200` : `${health.value} (${health.from})`],
    ...(facts.dockerfile === null
      ? []
      : [['Dockerfile', `${facts.dockerfile.file}: not used, drydock makes the image itself`] as [string, string]]),
    ...Object.entries(backing.needs).map(([name, { image }]): [string, string] => [
      'needs',
      `${name}: ${image} (${facts.compose?.file})`,
    ]),
    ...(compose === undefined ? [] : [['compose', compose] as [string, string]]),
  ];
}

const LOCKS = /^(package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?)$/;
