// Whether what a repository says of Node takes the major that everything runs on here. Plain ranges only; null for what is not one.

type Bound = { operator: string; major: number; rest: number };

/** By the major alone: some version of it satisfies the range, or none does. */
export function takesMajor(range: string, major: number): boolean | null {
  const answers = range.split('||').map((part) => takesAll(part.trim(), major));
  if (answers.includes(true)) return true;
  return answers.includes(null) ? null : false;
}

function takesAll(part: string, major: number): boolean | null {
  if (part === '' || part === '*' || part === 'x') return true;
  const hyphen = /^v?(\d+)[\d.x*]* +- +v?(\d+)[\d.x*]*$/.exec(part);
  if (hyphen !== null) return major >= Number(hyphen[1]) && major <= Number(hyphen[2]);
  const bounds = part
    .replace(/([<>=~^]) +/g, '$1')
    .split(/\s+/)
    .map(toBound);
  if (bounds.includes(null)) return null;
  return bounds.every((bound) => bound !== null && isWithin(major, bound));
}

function toBound(text: string): Bound | null {
  const [, operator = '', first, rest = ''] = /^(>=|<=|>|<|=|~|\^)?v?(\d+)((?:\.(?:\d+|x|\*))*)$/.exec(text) ?? [];
  if (first === undefined) return null;
  return { operator, major: Number(first), rest: Number(rest.replace(/[^1-9]/g, '') || 0) };
}

function isWithin(major: number, { operator, major: asked, rest }: Bound): boolean {
  if (operator === '>=') return major >= asked;
  // More of the same major may come: >20.1 takes 20.2, and >20 does not.
  if (operator === '>') return rest > 0 ? major >= asked : major > asked;
  if (operator === '<') return rest > 0 ? major <= asked : major < asked;
  if (operator === '<=') return major <= asked;
  return major === asked;
}

/** Of a file that names one version, as .nvmrc and .node-version do; null for names such as lts/*. */
export function majorIn(text: string): number | null {
  const [, major] = /^v?(\d+)(?:\.\d+)*$/.exec(text.replace(/#.*/g, '').trim()) ?? [];
  return major === undefined ? null : Number(major);
}
