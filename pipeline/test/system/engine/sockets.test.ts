// Families of sockets that a step may not have, asked for in each way that the kernel knows, by a program of a few instructions.
//
// The kernel's ciphers (AF_ALG) let whoever may read a file write to its copy in memory, which the host and all steps share: CVE-2026-31431.
// Moby's profile refuses them for `socket` (moby/moby#52494); of `socketcall` no filter sees the family, which is in memory.
import { expect, test } from 'vitest';
import { sdkSession, sh } from '../sdk-session.ts';

const { base } = sdkSession();

const AF_UNIX = 1;
const AF_ALG = 38;
const AF_VSOCK = 40;
const STREAM = 1;
const [EPERM, ENOSYS] = [1, 38];
/** Ended by the signal SIGSYS. */
const KILLED = 128 + 31;

const BASE = 0x400000;
/** Of an ELF file's header and its one segment's. */
const HEADER_BYTES = 64 + 56;

/** A program of this code, for x86-64, with these numbers behind it (ELF-64 Object File Format, version 1.5). */
function program(code: string, data: readonly number[]): string {
  const bytes = Buffer.alloc(HEADER_BYTES);
  const body = Buffer.concat([
    Buffer.from(code.replace(/\s+/g, ''), 'hex'),
    Buffer.from(Uint32Array.from(data).buffer),
  ]);
  bytes.write('7f454c46020101', 'hex');
  bytes.writeUInt16LE(2, 16); // an executable
  bytes.writeUInt16LE(62, 18); // x86-64
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(BigInt(BASE + HEADER_BYTES), 24); // where it starts
  bytes.writeBigUInt64LE(64n, 32); // where the segment's header is
  for (const [index, size] of [64, 56, 1].entries()) bytes.writeUInt16LE(size, 52 + 2 * index);
  bytes.writeUInt32LE(1, 64); // to be loaded
  bytes.writeUInt32LE(5, 68); // to be read and executed
  bytes.writeBigUInt64LE(BigInt(BASE), 80);
  bytes.writeBigUInt64LE(BigInt(BASE), 88);
  for (const at of [96, 104]) bytes.writeBigUInt64LE(BigInt(HEADER_BYTES + body.length), at);
  return Buffer.concat([bytes, body]).toString('base64');
}

const word = (number: number) => Buffer.from(Uint32Array.of(number).buffer).toString('hex');
/** neg eax; mov edi, eax; mov eax, 60; syscall: it ends with the number of the error, or with that of its socket below 256. */
const END = 'f7d8 89c7 b83c000000 0f05';
/** mov eax, number; mov edi, family; mov esi, 1; xor edx, edx; syscall */
const bySystemCall = (number: number, family: number) =>
  program(`b8${word(number)} bf${word(family)} be${word(STREAM)} 31d2 0f05 ${END}`, []);
/** The same, as 32-bit programs ask: mov eax, 359; mov ebx, family; mov ecx, 1; xor edx, edx; int 0x80 */
const asOf32Bits = (family: number) =>
  program(`b8${word(359)} bb${word(family)} b9${word(STREAM)} 31d2 cd80 ${END}`, []);
/** By the call of all calls about sockets: mov eax, 102; mov ebx, 1; mov ecx, where the numbers are; int 0x80 */
function bySocketcall(family: number): string {
  const code = (at: number) => `b8${word(102)} bb${word(1)} b9${word(at)} cd80 ${END}`;
  const length = code(0).replace(/\s+/g, '').length / 2;
  return program(code(BASE + HEADER_BYTES + length), [family, STREAM, 0]);
}

const X32 = 0x40000000;
const SOCKET = 41;
const ways: [way: string, of: (family: number) => string, refusal: number][] = [
  ['socket', (family) => bySystemCall(SOCKET, family), EPERM],
  ['socket, of 32 bits', asOf32Bits, EPERM],
  ['socketcall', bySocketcall, ENOSYS],
  ['socket, of x32', (family) => bySystemCall(X32 + SOCKET, family), KILLED],
];

/** The exit code of each. */
async function ended(programs: readonly string[], insecureRootCapabilities: boolean): Promise<number[]> {
  const script = programs.map((one) => `echo ${one} | base64 -d >/p; chmod +x /p; /p; echo $?; rm /p`).join('\n');
  const said = await base().withExec(sh(script), { insecureRootCapabilities }).stdout();
  return said.trim().split('\n').map(Number);
}

const refusals = ways.map(([, , refusal]) => refusal);
test.runIf(process.arch === 'x64').for([false, true])(
  'no cipher of the kernel, no virtual machine, in no way; all capabilities: %s',
  async (all) => {
    for (const family of [AF_ALG, AF_VSOCK]) {
      const got = await ended(
        ways.map(([, of]) => of(family)),
        all,
      );
      expect(got, String(family)).toEqual(refusals);
    }
  },
);

test.runIf(process.arch === 'x64')('the attempts are ones: other families are given', async () => {
  const [first, second, refused] = await ended(
    [bySystemCall(SOCKET, AF_UNIX), asOf32Bits(AF_UNIX), bySocketcall(AF_UNIX)],
    false,
  );
  // A socket's number, of which the program makes the exit code.
  expect([first, second, refused]).toEqual([expect.any(Number), expect.any(Number), ENOSYS]);
  for (const code of [first, second]) expect(code).toBeGreaterThan(240);
});
