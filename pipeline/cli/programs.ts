// The programs that steps run, from the folder of this package: they are the tool's own, whatever the repository holds.
import { fileURLToPath } from 'node:url';
import type { Directory, Host } from '@dagger.io/dagger';

const PROGRAMS = fileURLToPath(new URL('../src', import.meta.url));

export const programsOn = (host: Host): Directory => host.directory(PROGRAMS, { include: ['oci', 'probes'] });
