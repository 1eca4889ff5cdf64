// Reads and writes the little XML that test reports are made of: elements, attributes and text. No entities of one's own, no DTD.
import { safeText } from './safe-text.ts';

export type XmlElement = { name: string; attributes: Record<string, string>; children: XmlElement[]; text: string };

/** Each where the last ended, so that what is none is not looked for anew from every character on. */
const TOKEN =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<!DOCTYPE[^>]*>|<(\/?)([\w:.-]+)((?:"[^"]*"|'[^']*'|[^'">])*?)(\/?)>|([^<]+)/gy;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** The root element. Throws, with the place, on what is not well formed. */
export function parseXml(text: string): XmlElement {
  const holder: XmlElement = { name: '', attributes: {}, children: [], text: '' };
  const open = [holder];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    end = match.index + match[0].length;
    const current = open[open.length - 1] ?? holder;
    const [, cdata, slash, name, attributes = '', selfClosing, plain] = match;
    if (cdata !== undefined) current.text += cdata;
    else if (plain !== undefined) current.text += decode(plain);
    else if (name === undefined)
      continue; // a comment or declaration
    else if (slash === '/') {
      if (open.length === 1 || current.name !== name)
        throw new Error(`</${name}> closes nothing, at character ${match.index}`);
      open.pop();
    } else {
      const element: XmlElement = { name, attributes: parseAttributes(attributes), children: [], text: '' };
      current.children.push(element);
      if (selfClosing !== '/') open.push(element);
      if (open.length > MOST_NESTED) throw new Error(`it is nested more than ${MOST_NESTED} levels deep`);
    }
  }
  if (end < text.length) throw new Error(`it is not XML at character ${end}`);
  if (open.length > 1) throw new Error(`<${open[open.length - 1]?.name}> is not closed`);
  const [root, ...more] = holder.children;
  if (root === undefined || more.length > 0) throw new Error('it has no single root element');
  return root;
}

/** Suites in suites are a few levels deep; whatever walks them goes as deep. */
const MOST_NESTED = 500;

const ATTRIBUTE = /\s+([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/gy;

function parseAttributes(text: string): Record<string, string> {
  const attributes: Record<string, string> = {};
  let end = 0;
  for (const [whole, key = '', double, single] of text.matchAll(ATTRIBUTE)) {
    end += whole.length;
    attributes[key] = decode(double ?? single ?? '');
  }
  const rest = text.slice(end).trim();
  if (rest !== '') throw new Error(`this is no attribute: ${rest.slice(0, 40)}`);
  return attributes;
}

function decode(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(#x[\da-f]+|#\d+|\w+);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name] ?? whole;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** Text as it may stand in an element or attribute. */
export function escapeXml(text: string): string {
  return safeText(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
