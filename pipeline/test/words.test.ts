// What people read: links lead somewhere, the README stays short, and retired words are in no page and in no text of the program.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Each with what is written instead. A label of images keeps its name. */
const RETIRED: readonly [word: RegExp, instead: string][] = [
  [/\bmend(s|ed|ing)?\b/i, 'fix'],
  [/\b(to|can|cannot|could|could not) be had\b/i, 'available'],
  [/\b([Ss]ome|[Aa]ny)body\b|\b[Nn]obody\b(?![@:'`])/, 'the actor, or the passive'],
  [/(?<!\.)\bstand-ins?\b/i, 'substitute'],
  [/\bWALLS?\b|\b(a|no|each|every) wall\b|\bwalls\b/, 'problem, FAIL'],
  [/\blaptop[’']s door\b|\bother door\b/i, 'the command line, the Dagger module'],
  [/\bshut in\b/i, 'sandboxed'],
  [/\bvouch(es|ed)?\b/i, 'trusted, unverified source'],
  [/\bwrong use\b/i, 'usage error'],
  [/\ball (that was asked for )?held\b/i, 'succeeded'],
  [/\blast words\b/i, 'last log lines'],
  [/\bwhole log\b/i, 'full log'],
  [/\balarm goes off\b/i, 'the alert fires'],
  [/\bcannot be meant\b/i, 'invalid'],
  [/\bthe release before\b/i, 'the previous release'],
  [/\banew\b|\bwhoever\b|\bfor want of\b/i, 'again, any, because … is missing'],
  [/\bstands? in the way\b/i, 'prevents'],
];

const isOurs = (file: string) => !/(^|\/)(node_modules|dist|out|test|bench)\//.test(file);
const below = (folder: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter(isOurs);

const AREAS = ['.github', 'deploy', 'docs', 'monitoring', 'pipeline', 'policy', 'service'];
const pages = [
  ...readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...AREAS.filter((area) => existsSync(join(ROOT, area)))
    .flatMap(below)
    .filter((file) => file.endsWith('.md')),
];

type Text = { place: string; text: string };

function linesOf(file: string): Text[] {
  const lines = readFileSync(`${ROOT}/${file}`, 'utf8').split('\n');
  return lines.map((text, index) => ({ place: `${file}:${index + 1}`, text }));
}

/** What the program says, and how it names things; its comments, and those of its scripts, are not read by its users. */
const codeOf = (file: string) =>
  linesOf(file).flatMap(({ place, text }) =>
    /^\s*(\/?\*|\/\/|#)/.test(text) ? [] : [{ place, text: text.replace(/ (\/\/|#) .*$/, '') }],
  );

const retiredIn = (texts: readonly Text[]) =>
  texts.flatMap(({ place, text }) =>
    RETIRED.flatMap(([word, instead]) => {
      const [found] = word.exec(text) ?? [];
      return found === undefined ? [] : [`${place}: ${found} → ${instead}`];
    }),
  );

test('no page has a retired word', () => {
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/gate.md', 'pipeline/engine/README.md']));
  expect(retiredIn(pages.flatMap(linesOf))).toEqual([]);
});

test('no text of the program has one', () => {
  const texts = ['bin', 'cli', 'engine', 'src']
    .flatMap((area) => below(`pipeline/${area}`))
    .filter((file) => /\.(ts|mjs)$/.test(file))
    .flatMap(codeOf);
  expect(texts.some(({ text }) => text.includes('check format, lint rules and types'))).toBe(true);
  expect(retiredIn(texts)).toEqual([]);
});

test('a retired word is found wherever it is', () => {
  const text = 'Nobody vouches for the stand-in; mend it';
  expect(retiredIn([{ place: 'x:1', text }]).map((line) => line.split(' ')[1])).toEqual([
    ...['mend', 'Nobody', 'stand-in', 'vouches'],
  ]);
});

test('the README is read in a few minutes', () => expect(statSync(join(ROOT, 'README.md')).size).toBeLessThan(10_240));

/** As GitHub makes them of headings. */
const anchorsIn = (page: string) =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  );

// A run of the tool's tests leaves the service out.
test.runIf(existsSync(join(ROOT, 'service/README.md')))('every link of a page leads somewhere', () => {
  const broken = pages.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (/^[a-z]+:/.test(link)) return [];
      if (!existsSync(join(ROOT, target))) return [`${page}: ${link}`];
      return anchor === undefined || anchorsIn(target).includes(anchor) ? [] : [`${page}: ${link}`];
    }),
  );
  expect(broken).toEqual([]);
});
