// Waits until a service that others wait for has ended, and well: what runs it writes down its exit code.
//
//   node completed.ts --out FILE --service NAME --end FILE --log FILE --seconds N
import { expectThat, lastLines, optionsOf, probe, runAsProgram, textOf, until } from './program.ts';

runAsProgram('completed.ts', async (args) => {
  const { out, service, end, log, seconds } = optionsOf(args, 'out', 'service', 'end', 'log', 'seconds');
  await probe(async (check) => {
    await check(`${service} completes`, async () => {
      await until(Number(seconds), () => expectThat(textOf(end).endsWith('\n'), 'it still runs'));
      const code = textOf(end).trim();
      expectThat(
        code === '0',
        `it ended with exit code ${code}; it last said:\n${lastLines(textOf(log), 10).join('\n')}`,
      );
      return 'exit code 0';
    });
  }, out);
});
