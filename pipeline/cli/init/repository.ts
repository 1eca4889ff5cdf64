// What git says of where a repository lives, and what it delivers from.
import { execFileSync } from 'node:child_process';
import { GIT } from '../git-files.ts';
import { namesIn, textIn } from '../plain-files.ts';
import { isThere } from './write.ts';

/** A workflow that runs drydock already, by whatever name; null where there is none. */
export function workflowThere(root: string): string | null {
  const folder = '.github/workflows';
  const name = namesIn(root, folder).find((file) => /\bdrydock\b/.test(textIn(root, `${folder}/${file}`) ?? ''));
  return name === undefined ? null : `${folder}/${name}`;
}

/** It has workflows already, or a place on GitHub. */
export const isOnGitHub = (root: string): boolean =>
  isThere(root, '.github') ||
  /\bgithub\.com[:/]/.test(asked(root, 'config', '--get-regexp', String.raw`^remote\..*\.url$`));

/** The remote's own, else the usual ones, else the one that is checked out. */
export function mainBranch(root: string): string {
  const remote = asked(root, 'symbolic-ref', '--short', 'refs/remotes/origin/HEAD').replace(/^origin\//, '');
  if (remote !== '') return remote;
  const usual = asked(root, 'for-each-ref', '--format=%(refname:short)', 'refs/heads/main', 'refs/heads/master');
  return usual.split('\n')[0] || asked(root, 'symbolic-ref', '--short', 'HEAD') || 'main';
}

function asked(root: string, ...args: string[]): string {
  try {
    return execFileSync('git', [...GIT, ...args], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}
