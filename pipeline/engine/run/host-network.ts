// The network of steps that cannot have one of their own: the container's. Services, which need addresses and names, are refused.
import { readFileSync } from 'node:fs';
import { EngineError } from '../errors.ts';
import { Names } from './nameserver.ts';
import type { Attachment, Networks } from './network.ts';
import type { Sockets } from './sockets.ts';

const refusal = () =>
  new EngineError(
    'no service can run here: this machine lets the engine make no network for it',
    'run it where root may make namespaces',
  );

export class HostNetwork implements Networks {
  readonly names = new Names();

  resolverOf(): string {
    return readFileSync('/etc/resolv.conf', 'utf8');
  }

  async lease(): Promise<undefined> {}

  async attach(): Promise<Attachment> {
    throw refusal();
  }

  addressFor(): string {
    throw refusal();
  }

  async addAddress(): Promise<() => Promise<void>> {
    throw refusal();
  }

  async sockets(): Promise<Sockets> {
    throw refusal();
  }
}
