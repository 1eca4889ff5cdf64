// Starts programs in place of Dagger's CLI, one after the other, in a process that a stray error would end: prints what a person is told of each.
import { dag } from '@dagger.io/dagger';
import { asFault } from '../../cli/faults.ts';
import { withEngine } from '../../cli/session.ts';
import { asPipelineError } from '../../src/stages/engine.ts';

export type Told = { message: string; hint: string; exitCode: number; said: string[] };

async function tellOf(cli: string): Promise<Told> {
  if (cli !== '') process.env._EXPERIMENTAL_DAGGER_CLI_BIN = cli;
  const said: string[] = [];
  const options = {
    ...{
      root: process.cwd(),
      engine: 'dagger' as const,
      offline: false,
      mirrors: [],
      stepTimeout: null,
      verbose: false,
    },
    ...{ interrupted: new Promise<never>(() => {}), say: (line: string) => void said.push(line), onEngine: () => {} },
    startWithin: Number(process.env.START_WITHIN ?? 60_000),
  };
  const work = async () => {
    await dag.directory().withNewFile('a', 'b').entries();
  };
  const error = await withEngine(options, work).then(() => undefined, asToldOf);
  const { message, hint, exitCode } = asFault(error) ?? { message: String(error), hint: '', exitCode: 0 };
  return { message, hint, exitCode, said };
}

const asToldOf = (error: unknown) => asPipelineError(error) ?? error;

const told: Told[] = [];
for (const cli of process.argv.slice(2)) told.push(await tellOf(cli));
console.log(JSON.stringify(told));
process.exit();
