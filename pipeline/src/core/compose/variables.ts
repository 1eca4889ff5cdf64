// Substitutes variables in a text as Docker Compose does: `$X`, `${X}`, `${X:-default}`, `${X:?message}`, `${X:+other}`, and `$$`.

export type Variables = Readonly<Record<string, string>>;

/** Throws a sentence on a variable that is nowhere defined, and on what is no substitution. */
export function substitute(text: string, variables: Variables): string {
  let result = '';
  for (let at = 0; at < text.length; ) {
    if (text[at] !== '$') {
      result += text[at];
      at += 1;
    } else if (text[at + 1] === '$') {
      result += '$';
      at += 2;
    } else {
      const [inside, length] = text[at + 1] === '{' ? braced(text, at) : plain(text, at);
      result += expansionOf(inside, variables);
      at += length;
    }
  }
  return result;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;

function plain(text: string, at: number): [inside: string, length: number] {
  const [name] = NAME.exec(text.slice(at + 1)) ?? [];
  if (name === undefined) throw new Error(`${JSON.stringify(text)} has a $ that begins no variable; write $$`);
  return [name, name.length + 1];
}

/** Up to the brace that closes it: a default may hold variables of its own, and braces. Compose looks at no sign that follows a brace. */
function braced(text: string, at: number): [inside: string, length: number] {
  let depth = 0;
  for (let end = at; end < text.length && text[end] !== '\n'; end += 1) {
    if (text[end] === '}') depth -= 1;
    if (text[end] === '}' && depth === 0) return [text.slice(at + 2, end), end + 1 - at];
    if (text[end] !== '{') continue;
    depth += 1;
    end += 1;
  }
  throw new Error(`${JSON.stringify(text)} has a \${ that is not closed on its line`);
}

function expansionOf(inside: string, variables: Variables): string {
  const [name] = NAME.exec(inside) ?? [];
  const [, colon = '', operator, word = ''] = /^(:?)([-?+])(.*)$/s.exec(inside.slice(name?.length ?? 0)) ?? [];
  if (name === undefined || (operator === undefined && inside !== name))
    throw new Error(`\${${inside}} is no variable; write \${NAME}, or \${NAME:-default}`);
  const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
  const isSet = value !== undefined && !(colon !== '' && value === '');
  if (operator === '+') return isSet ? substitute(word, variables) : '';
  if (isSet) return value;
  if (operator === '-') return substitute(word, variables);
  if (operator === '?') throw new Error(`${name} is not defined: ${substitute(word, variables) || 'it has to be'}`);
  throw new Error(`${name} is not defined; give it a value, or write \${${name}:-default}`);
}
