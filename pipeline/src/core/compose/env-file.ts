// Reads what `env_file` names: NAME=VALUE, line by line, as Docker Compose does. What spans lines, or has escapes in it, is refused.
import { PipelineError, reasonOf } from '../errors.ts';
import type { ComposeService } from './model.ts';
import { substitute, type Variables } from './variables.ts';

const LINE = /^(?:export[ \t]+)?([A-Za-z_][\w.-]*)(?:[ \t]*=[ \t]*(.*))?$/;
const QUOTED = /^(?:'([^']*)'|"([^"\\]*)")[ \t]*(?:#.*)?$/;

/** Throws a sentence with the number of the line. */
export function parseEnvFile(text: string, variables: Variables): Record<string, string> {
  const found: Record<string, string> = {};
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [at, line] of lines.entries()) {
    const written = line.trim();
    if (written === '' || written.startsWith('#')) continue;
    const [, name, value] = LINE.exec(written) ?? [];
    try {
      if (name === undefined) throw new Error(`cannot be ${JSON.stringify(written)}; write NAME=VALUE`);
      const meant = value === undefined ? variables[name] : meaningOf(value, { ...found, ...variables });
      if (meant !== undefined) found[name] = meant;
    } catch (cause) {
      throw new Error(`line ${at + 1}: ${reasonOf(cause)}`, { cause });
    }
  }
  return found;
}

function meaningOf(value: string, variables: Variables): string {
  if (!/^["']/.test(value)) return substitute(value.replace(/(^|[ \t]+)#.*$/, '').trimEnd(), variables);
  const [matched, single, double] = QUOTED.exec(value) ?? [];
  if (matched === undefined) throw new Error('a quoted value must end on its line, and have no escapes');
  return single ?? substitute(double ?? '', variables);
}

/** The service with what its files bring. Throws a sentence on one that is not there, and on what cannot be read. */
export function withEnvFiles(
  service: ComposeService,
  variables: Variables,
  contentsOf: (path: string) => string | undefined,
): ComposeService {
  const brought: Record<string, string> = {};
  for (const { path, isRequired } of service.envFiles) {
    const text = contentsOf(path);
    const place = `${service.place}: services.${service.name}.env_file names ./${path}`;
    if (text === undefined && isRequired)
      throw new PipelineError('BAD_COMPOSE', `${place}, which is not there`, 'add the file, or say required: false');
    try {
      Object.assign(brought, parseEnvFile(text ?? '', { ...variables, ...brought }));
    } catch (cause) {
      throw new PipelineError('BAD_COMPOSE', `${place}, and there ${reasonOf(cause)}`, `fix ${path}`, { cause });
    }
  }
  return { ...service, environment: { ...brought, ...service.environment } };
}
