// Arguments in, exit code out.
import { VERSION } from '../src/core/version.ts';
import { searchPath } from '../src/program-folders.ts';
import { type Invocation, parseInvocation } from './arguments.ts';
import { describeFault } from './faults.ts';
import { renderCompletion, renderHelp } from './help.ts';
import { findRoot } from './subject.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export async function main(args: readonly string[]): Promise<number> {
  const terminal = openTerminal();
  process.env.PATH = searchPath(process.env.PATH); // for all programs that are asked, the engine's among them
  try {
    return await dispatch(parseInvocation(args), terminal);
  } catch (error) {
    const { text, exitCode } = describeFault(error, args.includes('--verbose') || args.includes('-v'));
    terminal.err.write(text);
    return exitCode;
  }
}

async function dispatch(invocation: Invocation, terminal: Terminal): Promise<number> {
  const root = findRoot(process.cwd());
  switch (invocation.kind) {
    case 'help':
      terminal.out.write(renderHelp(invocation.of));
      return 0;
    case 'version':
      terminal.out.write(`drydock ${VERSION}\n`);
      return 0;
    case 'completion':
      terminal.out.control(renderCompletion(invocation.shell));
      return 0;
    case 'engine': {
      const { showEngine } = await import('./dagger-program.ts');
      terminal.out.control(showEngine());
      return 0;
    }
    case 'run': {
      const { runProgram } = await import('./dagger-program.ts');
      return await runProgram(invocation, terminal);
    }
    case 'up': {
      const { up } = await import('./platform/up.ts');
      return await up(invocation, root, terminal);
    }
    case 'down': {
      const { down } = await import('./platform/down.ts');
      return await down(invocation, root, terminal);
    }
    case 'stages': {
      const { runStages } = await import('./stages.ts');
      return await runStages(invocation, root, terminal);
    }
    case 'replay': {
      const { replay } = await import('./capsule/replay.ts');
      return await replay(invocation, terminal);
    }
    case 'diff': {
      const { diff } = await import('./capsule/diff.ts');
      return await diff(invocation, terminal);
    }
    case 'bisect': {
      const { bisectCapsules } = await import('./capsule/bisect.ts');
      return await bisectCapsules(invocation, terminal);
    }
    case 'shell': {
      const { shell } = await import('./shell.ts');
      return await shell(invocation, root, terminal);
    }
    case 'watch': {
      const { watchSource } = await import('./watch/watch.ts');
      return await watchSource(invocation, root, terminal);
    }
    case 'warm': {
      const { warm } = await import('./warm.ts');
      return await warm(invocation, root, terminal);
    }
    case 'explain': {
      const { explainFiles } = await import('./explain.ts');
      terminal.out.write(explainFiles(invocation));
      return 0;
    }
    case 'times': {
      const { showTimes } = await import('./times.ts');
      terminal.out.write(showTimes(invocation, root));
      return 0;
    }
    case 'runs': {
      const { listRuns } = await import('./runs.ts');
      return listRuns(invocation, terminal);
    }
    case 'open': {
      const { openReport } = await import('./runs.ts');
      return openReport(invocation, terminal);
    }
    case 'doctor': {
      const { doctor } = await import('./doctor/doctor.ts');
      return await doctor(invocation, root, terminal);
    }
    case 'check': {
      const { check } = await import('./check/check.ts');
      return await check(invocation, root, terminal);
    }
    case 'init': {
      const { init } = await import('./init/init.ts');
      return await init(invocation, root, terminal);
    }
    case 'add': {
      const { add } = await import('./init/add.ts');
      return await add(invocation, root, terminal);
    }
    case 'update': {
      const { update } = await import('./update/update.ts');
      return await update(invocation, root, terminal);
    }
    case 'pins': {
      const { updatePins } = await import('./pins/pins.ts');
      return await updatePins(invocation, root, terminal);
    }
    case 'reproduce': {
      const { reproduce } = await import('./reproduce.ts');
      return await reproduce(invocation, root, terminal);
    }
    case 'images': {
      const { writeImages } = await import('./images.ts');
      return await writeImages(invocation, root, terminal);
    }
  }
}
