// Sets a signal of the receiver, or waits for one.
//
//   node signal.ts --out FILE --receiver URL --set NAME | --wait NAME --seconds N
import { parseArgs } from 'node:util';
import { ask } from './ask.ts';
import { expectThat, probe, runAsProgram, until } from './program.ts';

runAsProgram('signal.ts', async (args) => {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ args, options: { out: text, receiver: text, set: text, wait: text, seconds: text } });
  const url = `${values.receiver}/signals/${values.set ?? values.wait}`;
  await probe(async () => {
    if (values.set !== undefined) await ask(url, { method: 'PUT' });
    else await until(Number(values.seconds), async () => expectThat((await ask(url)).status === 200, 'no signal'));
  }, values.out ?? '');
});
