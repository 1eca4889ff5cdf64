// Before the system tests: what the embedded engine needs of the operating system is there, or they end at once with the one command.
import { refusedNamespaces } from '../../cli/isolation.ts';
import { ensureRequirements } from '../../cli/requirements.ts';

export default async function setup(): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  await ensureRequirements({
    yes: false,
    env: process.env,
    canAsk: false,
    say,
    isShared: refusedNamespaces() !== null,
  });
}
