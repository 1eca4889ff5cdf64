// Whether a service that was stopped has ended by itself: what runs it writes down its exit code then, and is killed with it otherwise.
//
//   node ended.ts --out FILE --end FILE
import { existsSync, readFileSync } from 'node:fs';
import { expectThat, optionsOf, probe, runAsProgram } from './program.ts';

runAsProgram('ended.ts', async (args) => {
  const { out, end } = optionsOf(args, 'out', 'end');
  await probe(async (check) => {
    await check('The service ends on SIGTERM', () => {
      expectThat(
        existsSync(end),
        'it was still there when its time was over, and was killed: something keeps it running after SIGTERM',
      );
      return `exit code ${readFileSync(end, 'utf8').trim()}`;
    });
  }, out);
});
