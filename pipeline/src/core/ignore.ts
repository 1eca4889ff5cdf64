// What is never part of the source, whatever git says. The functions of the module repeat it as literals, since Dagger reads
// their source text; a test holds them equal.
export const SOURCE_IGNORE = [
  '.git',
  '.env*',
  '**/.env*',
  '**/node_modules',
  'out',
  '**/dist',
  '**/coverage',
  'pipeline/sdk',
];
