// Opens the terminal and sends itself signals, in a process of its own: `interrupted.ts <signal> [<ms until the same again>]`.
import { describeFault } from '../../../cli/faults.ts';
import { openTerminal } from '../../../cli/terminal.ts';

const [signal = 'SIGINT', again] = process.argv.slice(2);
let nowMs = 1_000_000;
Date.now = () => nowMs;
const { interrupted, out, err } = openTerminal();
setInterval(() => {}, 1000); // a run that goes on

const send = () => process.kill(process.pid, signal);
interrupted.catch((error: unknown) => {
  const { text, exitCode } = describeFault(error, false);
  err.write(text);
  if (again === undefined) process.exit(exitCode);
  // One that tidies up, and then finds that somebody asked again; 0 says that it was left to do so.
  process.on(signal as NodeJS.Signals, () => {
    out.write('tidied\n');
    process.exit(0);
  });
  nowMs += Number(again);
  send();
});
send();
