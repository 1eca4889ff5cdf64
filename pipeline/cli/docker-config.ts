// The configuration that `docker login` writes: where it is, and its text.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export function dockerConfigPath(env: NodeJS.ProcessEnv): string {
  return join(env.DOCKER_CONFIG || join(homedir(), '.docker'), 'config.json');
}

/** Null where nobody is logged in anywhere. */
export function readDockerConfig(env: NodeJS.ProcessEnv): string | null {
  try {
    return readFileSync(dockerConfigPath(env), 'utf8');
  } catch {
    return null;
  }
}
