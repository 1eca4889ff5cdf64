// Says what a vulnerability database is: its hash, its age, and how many advisories it has for each ecosystem.
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readBolt } from './bolt.ts';
import { digestOfStream } from './digest.ts';
import { sortedEntries } from './json.ts';
import { invalid, unpackDatabase } from './vuln-db-artifact.ts';

export type DatabaseFacts = {
  /** Where its two files are. */
  folder: string;
  /** Of trivy.db. */
  sha256: string;
  schemaVersion: number;
  updatedAt: string;
  nextUpdate: string;
  downloadedAt: string | null;
  /** How many pairs of a package and an advisory, by ecosystem; one that two sources know counts twice. */
  advisories: Record<string, number>;
};

/** Not of any ecosystem: what is known of each id, where advisories are from, and how Red Hat's names map to each other. */
const OTHER_BUCKETS = ['vulnerability', 'data-source', 'Red Hat CPE', 'trivy'];

/** `unpack` is where an archive's files go. */
export async function inspectDatabase(folder: string, unpack?: string): Promise<DatabaseFacts> {
  const found = await findDatabase(folder, unpack);
  const database = join(found, 'trivy.db');
  const { digest } = await digestOfStream(createReadStream(database));
  return {
    folder: found,
    sha256: digest,
    ...(await readMetadata(join(found, 'metadata.json'))),
    advisories: count(database),
  };
}

/** The folder that holds the two files: this one, `db` in it, or where its archive was unpacked. */
async function findDatabase(folder: string, unpack: string | undefined): Promise<string> {
  const names = await readdir(folder);
  for (const place of [folder, ...(names.includes('db') ? [join(folder, 'db')] : [])]) {
    const inside = await readdir(place);
    if (inside.includes('trivy.db') && inside.includes('metadata.json')) return place;
  }
  const [archive, ...more] = names.filter((name) => name.endsWith('.tar.gz'));
  if (archive === undefined || more.length > 0 || unpack === undefined) {
    throw invalid(
      folder,
      'holds no vulnerability database: neither trivy.db with metadata.json, nor one db.tar.gz of them',
    );
  }
  await unpackDatabase(join(folder, archive), unpack, archive);
  return unpack;
}

async function readMetadata(path: string): Promise<Omit<DatabaseFacts, 'folder' | 'sha256' | 'advisories'>> {
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  } catch {
    throw invalid(path, 'is not JSON');
  }
  const { Version: schemaVersion, UpdatedAt, NextUpdate, DownloadedAt } = raw ?? {};
  const [updatedAt, nextUpdate] = [toTime(UpdatedAt), toTime(NextUpdate)];
  if (typeof schemaVersion !== 'number' || updatedAt === null || nextUpdate === null) {
    throw invalid(path, 'does not say Version, UpdatedAt and NextUpdate');
  }
  return { schemaVersion, updatedAt, nextUpdate, downloadedAt: toTime(DownloadedAt) };
}

/** Go writes a time that was never set as the first of January of the year 1. */
function toTime(value: unknown): string | null {
  const time = typeof value === 'string' ? new Date(value) : undefined;
  return time === undefined || Number.isNaN(time.getTime()) || time.getUTCFullYear() < 1970 ? null : time.toISOString();
}

/** Buckets lie as `ecosystem::source` or `distribution version`, then package; keys are advisories. */
function count(database: string): Record<string, number> {
  const counts = new Map<string, number>();
  readBolt(database, {
    bucket: ([top = '', ...inner]) => inner.length > 0 || !OTHER_BUCKETS.includes(top),
    pair([top = '', ...inner]) {
      if (inner.length !== 1) return;
      const ecosystem = top.replace(/::.*/, '');
      counts.set(ecosystem, (counts.get(ecosystem) ?? 0) + 1);
    },
  });
  return Object.fromEntries(sortedEntries(Object.fromEntries(counts)));
}
