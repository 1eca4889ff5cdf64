// Decides on where it runs: Node, the working copy, the disk and the clock.
import { ENGINE_COMMAND } from '../../src/command.ts';
import { type Facts, isFault, OTHERS } from './facts.ts';
import type { Finding } from './finding.ts';

/** What a first run takes, with what it downloads (README.md). */
const FIRST_RUN_BYTES = 2.6e9;
/** Less is not even enough where all is in the cache. */
const TOO_LITTLE_BYTES = 1e8;
/** Tokens of registries and certificates forgive less than this. */
const WRONG_CLOCK_MS = 5 * 60_000;

/** What is too old is refused before this is read (bin/needs.mjs). */
export const lookAtNode = ({ nodeVersion }: Facts): Finding => ({ status: 'ok', found: nodeVersion });

export function lookAtGit({ git }: Facts): Finding {
  if (git === null)
    return { status: 'warning', found: 'git is missing: reports cannot name the commit', fix: 'install git' };
  if (git === OTHERS) return { status: 'ok', found: 'another user’s: a run reads it without obeying its settings' };
  if (isFault(git))
    return { status: 'blocked', found: git.message, ...(git.hint === undefined ? {} : { fix: git.hint }) };
  if (git.commit === null)
    return { status: 'warning', found: 'nothing is committed yet', fix: 'git add --all && git commit' };
  const state = git.changes === 0 ? 'nothing is changed' : `${git.changes} changed or new`;
  return { status: 'ok', found: `${git.commit.slice(0, 12)}, ${state}${git.isShallow ? ', a shallow clone' : ''}` };
}

export function lookAtDisk({ folders: { cache, results }, engines, probe }: Facts): Finding {
  const locked = [cache, results].find(({ isWritable }) => !isWritable);
  if (locked !== undefined)
    return {
      status: 'blocked',
      found: `${locked.path} may not be written`,
      fix: 'name other folders: XDG_CACHE_HOME for the cache, --output for results',
    };
  const tightest = results.freeBytes < Math.min(cache.freeBytes, TOO_LITTLE_BYTES) ? results : cache;
  const found = `${(tightest.freeBytes / 1e9).toFixed(1)} GB free at ${tightest.path}`;
  const isFull = tightest.freeBytes < TOO_LITTLE_BYTES;
  if (tightest === results)
    return { status: 'blocked', found, fix: 'name a folder on another disk for results: --output DIR' };
  if (cache.freeBytes >= FIRST_RUN_BYTES) return { status: 'ok', found };
  const isEmpty = probe === null || isFault(probe) || probe.images === 0;
  const isEmbedded = !isFault(engines) && engines[0]?.kind === 'embedded';
  const canBeFreed = !isEmpty && cache.totalBytes >= FIRST_RUN_BYTES;
  return {
    status: isFull || (isEmpty && isEmbedded) ? 'blocked' : 'warning',
    found: `${found}; a first run takes ${FIRST_RUN_BYTES / 1e9} GB`,
    fix: canBeFreed ? `${ENGINE_COMMAND} gc --keep 1GB` : 'export XDG_CACHE_HOME=/path/on/a/larger/disk',
  };
}

/** Beside servers that answered; where none did, a commit of the future tells a clock that is behind. */
export function lookAtClock({ nowMs, packages, git }: Facts): Finding {
  const fix = 'sudo timedatectl set-ntp true';
  const server = packages.find(({ serverMs }) => serverMs !== null)?.serverMs ?? null;
  if (server !== null) {
    const offMs = nowMs - server;
    if (Math.abs(offMs) < WRONG_CLOCK_MS) return { status: 'ok', found: 'right, by a server’s' };
    const direction = offMs > 0 ? 'ahead' : 'behind';
    return { status: 'warning', found: `${phraseTime(Math.abs(offMs))} ${direction}, by a server’s`, fix };
  }
  const committed = git === null || git === OTHERS || isFault(git) ? null : git.committedMs;
  if (committed !== null && committed > nowMs + WRONG_CLOCK_MS)
    return {
      status: 'warning',
      found: `behind: the last commit is of ${phraseTime(committed - nowMs)} from now`,
      fix,
    };
  return { status: 'ok', found: `${new Date(nowMs).toISOString()}; no server was there to compare` };
}

function phraseTime(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
