// The network of steps that cannot have one of their own: the container's. Services, which need addresses and names, are refused.
import { readFileSync } from 'node:fs';
import { EngineError } from '../errors.ts';
import type { Refusal } from './isolation.ts';
import { Names } from './nameserver.ts';
import type { Attachment, Networks } from './network.ts';
import type { Sockets } from './sockets.ts';

export class HostNetwork implements Networks {
  readonly names = new Names();
  readonly #refusal: Refusal;

  constructor(refusal: Refusal) {
    this.#refusal = refusal;
  }

  resolverOf(): string {
    return readFileSync('/etc/resolv.conf', 'utf8');
  }

  async lease(): Promise<undefined> {}

  async attach(): Promise<Attachment> {
    throw this.#noService();
  }

  addressFor(): string {
    throw this.#noService();
  }

  async addAddress(): Promise<() => Promise<void>> {
    throw this.#noService();
  }

  async sockets(): Promise<Sockets> {
    throw this.#noService();
  }

  #noService(): EngineError {
    const { reason, hint } = this.#refusal;
    return new EngineError(`no service can run here, where the engine may not make it a network: ${reason}`, hint);
  }
}
