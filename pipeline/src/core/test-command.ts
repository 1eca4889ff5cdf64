// The command that runs a package's script test. One that writes no JUnit report of its own is told to, where its runner can be told from outside.

/** What `npm init` writes. */
const NO_TEST = /^echo ["\\']*Error: no test specified/;

const VITEST = /^(?:npx )?vitest(?: run| --run)?(?: -|$)/;
const NODE_TEST =
  /^node(?: --?\S+)* --test(?: |$)|^node(?: --(?:import|require|loader) \S+| -r \S+| --?\S+)* --test(?: |$)/;

/** Node's own reporters: the only way that does not depend on where in its script the options stand. */
const NODE_REPORTERS = [
  ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
  ...['--test-reporter=junit', '--test-reporter-destination=$JUNIT_FILE'],
].join(' ');

/** Files in which Vitest may be told its reporters. */
const VITEST_CONFIGS = ['vitest.config', 'vite.config'].flatMap((name) =>
  ['ts', 'mts', 'js', 'mjs'].map((end) => `${name}.${end}`),
);

/** Null where there is nothing to run. `plain` is the command that runs the script; `configs` gives the texts of files of the package, and is asked for Vitest only. */
export async function testCommand(
  plain: string,
  script: string,
  configs: (names: readonly string[]) => Promise<readonly (string | null)[]>,
): Promise<string | null> {
  if (NO_TEST.test(script.trim())) return null;
  const last = script.split('&&').at(-1)?.trim() ?? '';
  if (/junit|--(test-)?reporter/i.test(script)) return plain;
  if (NODE_TEST.test(last)) return `NODE_OPTIONS="$NODE_OPTIONS ${NODE_REPORTERS}" ${plain}`;
  if (!VITEST.test(last) || (await configs(VITEST_CONFIGS)).some((text) => /junit/i.test(text ?? ''))) return plain;
  return `${plain}${plain.startsWith('npm') ? ' --' : ''} --reporter=default --reporter=junit --outputFile.junit="$JUNIT_FILE"`;
}
