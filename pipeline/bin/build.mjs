// Makes what the package brings along: each program in one file, so that it has no dependencies and needs no compiler. npm calls it before it packs.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { builtFile, bundle, NAMES } from './bundle.mjs';

const folder = dirname(builtFile('cli'));
rmSync(folder, { recursive: true, force: true });
// Bundled before the first is there: then there would be nothing to bundle.
const built = NAMES.map((name) => [builtFile(name), bundle(name, undefined, { PACKAGED: 'true' })]);
mkdirSync(folder);
for (const [file, { code, map }] of built) {
  writeFileSync(file, code.contents);
  if (map !== undefined) writeFileSync(`${file}.map`, map.contents);
}
