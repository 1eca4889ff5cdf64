// Waits until a service's own check, which runs beside it, has written that all is well; of one without a check, until it answers 200.
//
//   node healthy.ts --out FILE --service NAME --health FILE --end FILE --check FILE --sockets FILE --log FILE --seconds N --ask URL
//
// Without a URL (an empty one) nothing is asked.
// --end is there once the service has ended: it will not be well any more. --check is what the check last said, --log what the service says: the
// ends of both are told with the reason. --sockets shows what it listened to meanwhile.
import { ask } from './ask.ts';
import { expectThat, lastLines, optionsOf, probe, reasonOf, runAsProgram, textOf, until } from './program.ts';
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
    ask: url,
  } = optionsOf(args, ...(['out', 'service', 'health', 'end', 'check', 'sockets', 'log', 'seconds', 'ask'] as const));
  await probe(async (check) => {
    await check(`${service} is healthy`, async () => {
      const isOver = () => textOf(end).endsWith('\n');
      let answer = '';
      const isWell = async () => {
        if (url === '') return textOf(health) === 'healthy\n';
        answer = await ask(url).then(({ status }) => String(status), reasonOf);
        return answer === '200';
      };
      const waiting = until(Number(seconds), async () => expectThat((await isWell()) || isOver(), 'it is not healthy'));
      await waiting.catch(() => {});
      if (!isOver() && (await isWell()))
        return url === '' ? 'its own check says so' : `${new URL(url).pathname} answers 200`;
      const answered = url === '' ? phraseListening(textOf(sockets)) : ` (${url} answers ${answer})`;
      const what = isOver() ? `it ended with exit code ${textOf(end).trim()}` : `not within ${seconds} s${answered}`;
      const last = [...(isOver() ? [] : lastLines(textOf(asked), 2)), ...lastLines(textOf(log), MOST_LINES)].join('\n');
      throw new Error(`${what}${last === '' ? '; it has said nothing' : `; it last said:\n${last}`}`);
    });
  }, out);
});

const MOST_LINES = 10;
