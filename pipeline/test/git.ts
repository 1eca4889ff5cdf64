// Whether git is here: unit tests run in images without it, too.
import { spawnSync } from 'node:child_process';

export const hasGit = spawnSync('git', ['--version']).status === 0;
