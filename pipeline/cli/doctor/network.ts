// Asks the places that a run fetches from: pinned images as a run asks for them, and package registries for any answer.
import { setTimeout as wait } from 'node:timers/promises';
import { OciError, reasonOf } from '../../src/oci/errors.ts';
import { dockerCredentials, formatReference, parseMirrors, parsePin, RegistryClient } from '../../src/oci/registry.ts';
import { type PinName, pinned } from '../../src/pins.ts';
import { readDockerConfig } from '../docker-config.ts';
import type { Fault, Image, Place } from './facts.ts';

const TIMEOUT_MS = 5000;
/** What lint, test and build run in, and what the service ships on. */
const NEEDED: readonly PinName[] = ['node', 'runtime'];

export async function askImages(mirrors: readonly string[], env: NodeJS.ProcessEnv): Promise<Image[]> {
  const config = readDockerConfig(env);
  const client = new RegistryClient({
    mirrors: parseMirrors([...mirrors]),
    credentials: (registry) => (config === null ? undefined : dockerCredentials(config, registry)),
    attempts: 1,
    pace: { windowMs: TIMEOUT_MS },
  });
  const late = wait(TIMEOUT_MS, SILENT, { ref: false });
  return await Promise.all(
    NEEDED.map(async (name): Promise<Image> => {
      const reference = parsePin(pinned(name));
      const fault = await Promise.race([client.manifest(reference).then(() => null, faultOf), late]);
      const short = (message: string) => message.replace(`${formatReference(reference)}: `, '');
      return { name, fault: fault && { ...fault, message: short(fault.message) } };
    }),
  );
}

const SILENT: Fault = {
  message: `no answer within ${TIMEOUT_MS / 1000} s`,
  hint: 'check network and proxy, or use --mirror',
};

function faultOf(error: unknown): Fault {
  return error instanceof OciError ? { message: error.message, hint: error.hint } : { message: reasonOf(error) };
}

export async function askPlaces(urls: readonly string[]): Promise<Place[]> {
  return await Promise.all(urls.map(askPlace));
}

async function askPlace(url: string): Promise<Place> {
  try {
    const response = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(TIMEOUT_MS) });
    const serverMs = Date.parse(response.headers.get('date') ?? '');
    return { url, answers: true, serverMs: Number.isNaN(serverMs) ? null : serverMs };
  } catch {
    return { url, answers: false, serverMs: null };
  }
}
