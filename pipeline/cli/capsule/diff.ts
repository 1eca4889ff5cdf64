// Says what differs between two capsules. Files in, text out: nothing of them is run.
import { basename } from 'node:path';
import { diffCapsules, phraseDifferences } from '../../src/core/capsule/diff.ts';
import { asLines, safeJson } from '../../src/core/safe-text.ts';
import type { DiffInvocation } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { openManifest } from './open.ts';

/** 0 where nothing differs, 1 where something does, as diff(1). */
export async function diff({ files, json }: DiffInvocation, terminal: Terminal): Promise<number> {
  const [a, b] = [await openManifest(files[0]), await openManifest(files[1])];
  const differences = diffCapsules(a, b);
  const lines = phraseDifferences(differences, basename(files[0]), basename(files[1]));
  if (json) terminal.out.control(safeJson(differences));
  else terminal.out.write(asLines(lines));
  return differences.length === 0 ? 0 : 1;
}
