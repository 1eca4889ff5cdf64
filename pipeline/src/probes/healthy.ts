// Waits until a service's own check, which runs beside it, has written that all is well.
//
//   node healthy.ts --out FILE --service NAME --health FILE --check FILE --log FILE --seconds N
//
// --check is what the check last said, --log what the service says: the ends of both are told when the time is over.
import { existsSync, readFileSync } from 'node:fs';
import { expectThat, optionsOf, probe, runAsProgram, until } from './program.ts';

runAsProgram('healthy.ts', async (args) => {
  const {
    out,
    service,
    health,
    seconds,
    check: asked,
    log,
  } = optionsOf(args, ...(['out', 'service', 'health', 'check', 'log', 'seconds'] as const));
  await probe(async (check) => {
    await check(`${service} is healthy`, async () => {
      try {
        await until(Number(seconds), () => expectThat(textOf(health) === 'healthy\n', 'it is not healthy'));
      } catch {
        const last = [...lastLines(textOf(asked), 2), ...lastLines(textOf(log), 5)].join('\n');
        throw new Error(`not within ${seconds} s${last === '' ? '; it has said nothing' : `; it last said:\n${last}`}`);
      }
      return 'its own check says so';
    });
  }, out);
});

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function lastLines(text: string, count: number): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .map((line) => line.slice(0, 300));
}
