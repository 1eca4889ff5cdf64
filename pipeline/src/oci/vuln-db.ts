// The vulnerability database of Trivy, as an input of its own: which one is current, the download of just that one, and what is in it.
//   node vuln-db.ts resolve  --reference ghcr.io/aquasecurity/trivy-db:2 --memory /memory --out /out/database.json
//   node vuln-db.ts download --reference ghcr.io/aquasecurity/trivy-db@sha256:… --out /out
//   node vuln-db.ts inspect  --db /db --out /out/database.json
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { OciError, reasonOf } from './errors.ts';
import { exitCodeOf, runAsProgram } from './program.ts';
import { dockerCredentials, parseMirrors, parsePin, parseReference, type RegistryOptions } from './registry.ts';
import { downloadDatabase } from './vuln-db-artifact.ts';
import { inspectDatabase } from './vuln-db-inspect.ts';
import { NO_ANSWER, resolveDatabase } from './vuln-db-resolve.ts';

const USAGE =
  'node vuln-db.ts resolve --reference REF… --memory DIR --out FILE | download --reference REF@DIGEST --out DIR | inspect --db DIR [--unpack DIR] --out FILE; ' +
  'resolve and download take [--mirror HOST=HOST/PREFIX]… [--plain-http HOST:PORT]… [--docker-config FILE]';

const OPTIONS = {
  reference: { type: 'string', multiple: true },
  mirror: { type: 'string', multiple: true },
  'plain-http': { type: 'string', multiple: true },
  'docker-config': { type: 'string' },
  memory: { type: 'string' },
  db: { type: 'string' },
  unpack: { type: 'string' },
  out: { type: 'string' },
} as const;

type Flag = keyof typeof OPTIONS;
type Flags = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

const TO_REGISTRIES = ['mirror', 'plain-http', 'docker-config'] as const;

const COMMANDS: Record<string, { takes: readonly Flag[]; run: (flags: Flags) => Promise<void> }> = {
  resolve: {
    takes: ['reference', ...TO_REGISTRIES, 'memory', 'out'],
    async run(flags) {
      const references = wanted(flags, 'reference').map(parseReference);
      const [memory, out] = [wanted(flags, 'memory'), wanted(flags, 'out')];
      // Where no name server answers, the C library would wait for it longer than all else takes; it reads this when first asked.
      process.env.RES_OPTIONS ??= 'timeout:1 attempts:1';
      await writeJson(out, await resolveDatabase(references, memory, await registryOptions(flags)));
    },
  },
  download: {
    takes: ['reference', ...TO_REGISTRIES, 'out'],
    async run(flags) {
      const [reference, ...more] = wanted(flags, 'reference').map(parsePin);
      if (reference === undefined || more.length > 0) throw wrongUse('download takes one --reference');
      await downloadDatabase(reference, wanted(flags, 'out'), await registryOptions(flags));
    },
  },
  inspect: {
    takes: ['db', 'unpack', 'out'],
    async run(flags) {
      const [db, out] = [wanted(flags, 'db'), wanted(flags, 'out')];
      await writeJson(out, await inspectDatabase(db, flags.unpack));
    },
  },
};

export async function main([name = '', ...args]: string[]): Promise<number> {
  return await exitCodeOf(async () => {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) throw wrongUse(`${JSON.stringify(name)} is no command`);
    const flags = parseFlags(args);
    const strange = (Object.keys(flags) as Flag[]).find((flag) => !command.takes.includes(flag));
    if (strange !== undefined) throw wrongUse(`${name} takes no --${strange}`);
    await command.run(flags);
  }, NO_ANSWER);
}

function parseFlags(args: string[]): Flags {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (cause) {
    throw wrongUse(reasonOf(cause));
  }
}

function wanted<F extends Flag>(flags: Flags, flag: F): NonNullable<Flags[F]> {
  const value = flags[flag];
  if (value === undefined) throw wrongUse(`--${flag} is missing`);
  return value;
}

function wrongUse(message: string): OciError {
  return new OciError('SPEC_INVALID', message, USAGE);
}

async function registryOptions(flags: Flags): Promise<RegistryOptions> {
  const config = flags['docker-config'];
  const text = config === undefined ? undefined : await readFile(config, 'utf8');
  return {
    mirrors: parseMirrors(flags.mirror ?? []),
    plainHttp: flags['plain-http'] ?? [],
    ...(text === undefined ? {} : { credentials: (registry: string) => dockerCredentials(text, registry) }),
  };
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

runAsProgram('vuln-db.ts', main);
