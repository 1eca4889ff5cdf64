// Starts Dagger engines, each in an environment, one after the other, in a process that a stray error would end: prints what a person is told of each.
import { dag } from '@dagger.io/dagger';
import { asFault } from '../../cli/faults.ts';
import { withEngine } from '../../cli/session.ts';
import { asPipelineError } from '../../src/stages/engine.ts';

const initial = process.env;

export type Told = { message: string; hint: string; exitCode: number; said: string[] };

async function tellOf(env: NodeJS.ProcessEnv): Promise<Told> {
  process.env = { ...initial, ...env };
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
    startWithin: Number(env.START_WITHIN ?? 60_000),
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
for (const env of JSON.parse(process.argv[2] ?? '[]')) told.push(await tellOf(env));
console.log(JSON.stringify(told));
process.exit();
