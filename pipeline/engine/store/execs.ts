// Results of commands in the store: what they said, how they ended, and the layers that they left. Used whole or not at all.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Made, madeNow } from './flushes.ts';
import { execRecord } from './inventory.ts';
import { readSealed, seal } from './sealed.ts';
import type { Store } from './store.ts';

const OUTPUTS = ['stdout', 'stderr', 'combined'] as const;

interface OutputFacts {
  readonly size: number;
  readonly hash: string;
}

/** What is kept of a command that ran, beside its outputs. */
export interface ExecRecord {
  readonly exitCode: number;
  readonly layer: string;
  readonly mounts: Readonly<Record<string, string>>;
  /** The layers that it ran on. */
  readonly below: readonly string[];
  readonly outputs: Readonly<Record<string, OutputFacts>>;
  readonly made: Made;
}

/** Completes a folder that holds the outputs of a command and is to be kept under `key`. */
export async function writeExecRecord(
  key: string,
  folder: string,
  facts: Omit<ExecRecord, 'outputs' | 'made'>,
): Promise<ExecRecord> {
  const outputs: Record<string, OutputFacts> = {};
  for (const name of OUTPUTS) outputs[name] = await factsOf(join(folder, name));
  const record: ExecRecord = { ...facts, outputs, made: madeNow() };
  writeFileSync(join(folder, basename(execRecord(key))), seal(execRecord(key), record));
  return record;
}

/** The record of a command that ran, when all of its result is there and as it was. Any other is thrown away. */
export async function readExecRecord(store: Store, key: string): Promise<ExecRecord | undefined> {
  return store.soundExec(key, async (folder) => {
    const record = readSealed<ExecRecord>(store.root, execRecord(key));
    if (record === undefined || !store.isReliable(record.made)) return undefined;
    for (const id of [record.layer, ...Object.values(record.mounts)]) if (!(await store.hasLayer(id))) return undefined;
    for (const name of OUTPUTS) if (!(await isAsWritten(join(folder, name), record.outputs[name]))) return undefined;
    return record;
  });
}

async function isAsWritten(path: string, facts: OutputFacts | undefined): Promise<boolean> {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  return size !== undefined && size === facts?.size && (await factsOf(path)).hash === facts.hash;
}

/** Outputs are mostly short: read in one go, and at once, since a trip to another thread would take longer. */
const SHORT_BYTES = 1 << 18;

async function factsOf(path: string): Promise<OutputFacts> {
  const { size } = statSync(path);
  const hash = createHash('sha256');
  if (size <= SHORT_BYTES) hash.update(readFileSync(path));
  else for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return { size, hash: hash.digest('hex') };
}
