// Waits until a service's own check, which runs beside it, has written that all is well.
//
//   node healthy.ts --out FILE --service NAME --health FILE --end FILE --check FILE --sockets FILE --log FILE --seconds N
//
// --end is there once the service has ended: it will not be well any more. --check is what the check last said, --log what the service says: the
// ends of both are told with the reason. --sockets shows what it listened to meanwhile.
import { expectThat, lastLines, optionsOf, probe, runAsProgram, textOf, until } from './program.ts';
import { phraseListening } from './sockets.ts';

runAsProgram('healthy.ts', async (args) => {
  const {
    out,
    service,
    health,
    end,
    seconds,
    check: asked,
    sockets,
    log,
  } = optionsOf(args, ...(['out', 'service', 'health', 'end', 'check', 'sockets', 'log', 'seconds'] as const));
  await probe(async (check) => {
    await check(`${service} is healthy`, async () => {
      const isWell = () => textOf(health) === 'healthy\n';
      const isOver = () => textOf(end).endsWith('\n');
      await until(Number(seconds), () => expectThat(isWell() || isOver(), 'it is not healthy')).catch(() => {});
      if (isWell()) return 'its own check says so';
      const what = isOver()
        ? `it ended with exit code ${textOf(end).trim()}`
        : `not within ${seconds} s${phraseListening(textOf(sockets))}`;
      const last = [...(isOver() ? [] : lastLines(textOf(asked), 2)), ...lastLines(textOf(log), MOST_LINES)].join('\n');
      throw new Error(`${what}${last === '' ? '; it has said nothing' : `; it last said:\n${last}`}`);
    });
  }, out);
});

const MOST_LINES = 10;
