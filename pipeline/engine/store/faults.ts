// Faults of the file system as sentences, without the place that the store has on this machine.
import { EngineError } from '../errors.ts';

const MOST_IN_NAME = 255;

/** Of what no file system takes, and of what failed in the store itself; undefined for any other error. */
export function fileFault(error: unknown, store: string): EngineError | undefined {
  if (!(error instanceof Error) || error instanceof EngineError) return undefined;
  const { code, path, dest, syscall } = error as NodeJS.ErrnoException & { dest?: string };
  const told = (message: string) => new EngineError(message, undefined, { cause: error });
  if (code === 'ERR_INVALID_ARG_VALUE' && error.message.includes('null bytes'))
    return told('a path holds a NUL character, which no name can have');
  if (code === 'ENAMETOOLONG') {
    const names = [path, dest].flatMap((place) => String(place ?? '').split('/'));
    const long = names.find((name) => Buffer.byteLength(name) > MOST_IN_NAME);
    if (long === undefined) return told('a path is longer than the 4095 bytes that the system takes');
    return told(
      `the name ${long.slice(0, 40)}… has ${Buffer.byteLength(long)} bytes, and a name can have ${MOST_IN_NAME}`,
    );
  }
  if (syscall === undefined || !error.message.includes(store)) return undefined;
  return told(`a file of the store cannot be used: ${error.message.split(', ')[0]}, ${syscall}`);
}
