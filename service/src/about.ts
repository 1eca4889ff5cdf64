// What this program is: its manifest's name and version, and what its deployment says of it.
import { readFileSync } from 'node:fs';
import type { Deployment } from './config.ts';

export interface About extends Deployment {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly node: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly repository: string;
}

export function describe(deployment: Deployment): About {
  // One level up from src/ and from dist/ alike.
  const manifest: Manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const { name, version, repository } = manifest;
  return { name, version, source: repository, node: process.version, ...deployment };
}
