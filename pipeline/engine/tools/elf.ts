// Makes programs of one distribution run on any other: they are told to take the C library that lies beside them, in a folder of the session's.
// Texts in the files are replaced by others of at most their length, so that nothing else in them moves.
import { invalidPackage } from '../images/assembled/errors.ts';

/** Where a session sees the tools, whatever the folder that they are kept in (run/mounts.ts). */
export const TOOLS_FOLDER = '/dev/shm/t';
export const LOADER = 'ld.so';
const LIBRARIES = `${TOOLS_FOLDER}/lib/`;

/** ELF, 64 bits, little endian: what every machine is that is supported here. */
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const PROGRAM_HEADERS = { offset: 0x20, size: 0x36, count: 0x38 } as const;
const INTERPRETER_SEGMENT = 3;

export const isElf = (bytes: Buffer): boolean => bytes.subarray(0, MAGIC.length).equals(MAGIC);

/** A program that is started by our loader. One that is linked statically has none, and stays as it is. */
export function withOurLoader(program: Buffer, where: string): Buffer {
  const segment = interpreterOf(program);
  if (segment === undefined) return program;
  const path = Buffer.from(`${LIBRARIES}${LOADER}\0`);
  if (path.length > segment.length) throw invalidPackage(where, 'names its loader by too short a path');
  const patched = Buffer.from(program);
  patched.fill(0, segment.at, segment.at + segment.length);
  path.copy(patched, segment.at);
  return patched;
}

function interpreterOf(program: Buffer): { at: number; length: number } | undefined {
  const table = Number(program.readBigUInt64LE(PROGRAM_HEADERS.offset));
  const size = program.readUInt16LE(PROGRAM_HEADERS.size);
  for (let index = 0; index < program.readUInt16LE(PROGRAM_HEADERS.count); index++) {
    const at = table + index * size;
    if (program.readUInt32LE(at) !== INTERPRETER_SEGMENT) continue;
    return { at: Number(program.readBigUInt64LE(at + 8)), length: Number(program.readBigUInt64LE(at + 32)) };
  }
  return undefined;
}

/** The loader itself, which else would look for libraries where the machine keeps its own, and load what the machine has all programs load. */
export function withOurLibraries(loader: Buffer, triplet: string, where: string): Buffer {
  const patched = Buffer.from(loader);
  replace(patched, `/usr/lib/${triplet}/\0`, LIBRARIES, where);
  replace(patched, `/lib/${triplet}/\0`, LIBRARIES, where);
  replace(patched, '/etc/ld.so.cache\0', `${TOOLS_FOLDER}/cache`, where);
  replace(patched, '/etc/ld.so.preload\0', `${TOOLS_FOLDER}/preload`, where);
  return patched;
}

/** A program that looks into another folder of the machine. */
export function withFolder(program: Buffer, folder: string, by: string, where: string): Buffer {
  const patched = Buffer.from(program);
  replace(patched, folder, by, where);
  return patched;
}

/** Every place of it. The loader knows how long its folders are, so what is shorter is filled with slashes, which paths may repeat. */
function replace(bytes: Buffer, text: string, by: string, where: string): void {
  const end = text.endsWith('\0') ? '\0' : '';
  const filled = Buffer.from(`${by.padEnd(text.length - end.length, '/')}${end}`);
  let at = bytes.indexOf(text, 0, 'latin1');
  if (at < 0 || filled.length !== text.length) throw invalidPackage(where, `does not hold ${text.replace('\0', '')}`);
  for (; at >= 0; at = bytes.indexOf(text, at, 'latin1')) filled.copy(bytes, at);
}
