// The programs that steps run, from the folder of this package: they are the tool's own, whatever the repository holds.
import { fileURLToPath } from 'node:url';
import type { Directory, Host } from '@dagger.io/dagger';

const PROGRAMS = fileURLToPath(new URL('../src', import.meta.url));

export const programsOn = (host: Host): Directory => host.directory(PROGRAMS, { include: ['oci', 'probes'] });

/** What other repositories copy, a file for each CI server. */
export const TEMPLATES = fileURLToPath(new URL('../templates', import.meta.url));
