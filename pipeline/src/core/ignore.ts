// The source in containers: where it stands, and what is never part of it, whatever git says. The functions of the module repeat it as literals, since Dagger reads
// their source text; a test holds them equal.
export const SOURCE_IGNORE = [
  '**/.git',
  '.env*',
  '**/.env*',
  '**/node_modules',
  'out',
  '**/dist',
  '**/coverage',
  'pipeline/sdk',
];

/** Where the source stands in the containers of steps. */
export const SOURCE = '/src';
