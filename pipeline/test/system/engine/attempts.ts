// What a step tries that it should not be able to, and what came of it.
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Container, ContainerWithExecOpts } from '@dagger.io/dagger';
import { sh } from '../sdk-session.ts';

/** The commands that did not fail for one of these reasons; a command that is not there at all is no refusal. */
export async function unrefused(
  container: Container,
  reasons: RegExp,
  commands: readonly string[],
  options: ContainerWithExecOpts = {},
): Promise<string[]> {
  const said = await outcomes(container, commands, options);
  return said.filter(({ exitCode, output }) => exitCode === 0 || !reasons.test(output)).map(describe);
}

/** The commands that failed. */
export async function failed(
  container: Container,
  commands: readonly string[],
  options: ContainerWithExecOpts = {},
): Promise<string[]> {
  const said = await outcomes(container, commands, options);
  return said.filter(({ exitCode }) => exitCode !== 0).map(describe);
}

/** Those of some addresses, each with a port, that accept a connection. */
export async function reached(container: Container, addresses: readonly string[]): Promise<string[]> {
  const ask = (address: string) => `(nc -w 2 ${address} < /dev/null > /dev/null 2>&1 && echo ${address}) &`;
  const output = await container.withExec(sh(`${addresses.map(ask).join('\n')}\nwait`)).stdout();
  return output.split('\n').filter((line) => line !== '');
}

/** All addresses of this machine, and its gateway's, which a user-mode network likes to lead to the machine's loopback. */
export const hostAddresses = () => [
  ...Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address)),
  ...gateways(),
];

/** The kernel writes them in hexadecimal, the last byte first. */
function gateways(): string[] {
  const lines = readFileSync('/proc/net/route', 'utf8').trim().split('\n').slice(1);
  const addresses = lines.map((line) =>
    Buffer.from(line.split('\t')[2] ?? '', 'hex')
      .reverse()
      .join('.'),
  );
  return addresses.filter((address) => address !== '0.0.0.0');
}

interface Outcome {
  readonly command: string;
  readonly exitCode: number;
  readonly output: string;
}

const describe = ({ command, exitCode, output }: Outcome) => `${command}: ${exitCode} ${output}`;

/** Runs each command in one step, whatever came of those before it. */
async function outcomes(
  container: Container,
  commands: readonly string[],
  options: ContainerWithExecOpts,
): Promise<Outcome[]> {
  const run = (command: string, index: number) =>
    `(${command}) > /tmp/said 2>&1; echo $? $(cat /tmp/said) > /tmp/outcome-${index}`;
  const ran = container.withExec(sh(commands.map(run).join('\n')), options);
  return Promise.all(
    commands.map(async (command, index) => {
      const [exitCode, ...words] = (await ran.file(`/tmp/outcome-${index}`).contents()).trim().split(' ');
      return { command, exitCode: Number(exitCode), output: words.join(' ') };
    }),
  );
}
