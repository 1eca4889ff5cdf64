// Writes the document whose hash is an image's digest (its manifest, or the index of several) out of an archive, unchanged.
//   node manifest.ts --archive image.tar --out manifest.json
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { OciError } from './errors.ts';
import { openLayout, readBlob } from './layout.ts';
import { exitCodeOf, runAsProgram } from './program.ts';

export async function main(args: string[]): Promise<number> {
  return await exitCodeOf(async () => {
    const { values } = parseArgs({ args, options: { archive: { type: 'string' }, out: { type: 'string' } } });
    const { archive, out } = values;
    if (archive === undefined || out === undefined)
      throw new OciError('SPEC_INVALID', '--archive or --out is missing', 'node manifest.ts --archive FILE --out FILE');
    const source = await openLayout(archive);
    try {
      const [top, ...more] = await source.entries();
      if (top === undefined || more.length > 0)
        throw new OciError(
          'LAYOUT_INVALID',
          `${archive} does not hold one image`,
          'give the image.tar that `build` wrote',
        );
      await mkdir(dirname(out), { recursive: true });
      await writeFile(out, await readBlob(source, top));
    } finally {
      await source.close();
    }
  });
}

runAsProgram('manifest.ts', main);
