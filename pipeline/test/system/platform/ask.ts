// One HTTP request, sent as it is written: no path is fixed, no header added, and every one comes from a client of its own.
import { request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { address } from './neighbours.ts';

export interface Answer {
  readonly status: number;
  /** Every value of a header, by its name in lower case. */
  readonly headers: Readonly<Record<string, string[]>>;
  readonly body: Buffer;
  readonly json: () => Record<string, unknown>;
}

export type Asked = {
  method?: string;
  path?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** The address of the client. */
  from?: string;
};

export async function ask(host: string, asked: Asked = {}, port = 8080): Promise<Answer> {
  const { method = 'GET', path = '/', headers = {}, body, from = address() } = asked;
  return await new Promise<Answer>((resolve, reject) => {
    const outgoing = request({ host, port, method, path, headers, localAddress: from, agent: false });
    outgoing.on('error', reject);
    outgoing.on('response', async (response) => {
      const content = await buffer(response);
      const found: Record<string, string[]> = {};
      for (const [name, values = []] of Object.entries(response.headersDistinct)) found[name] = values;
      resolve({
        status: response.statusCode ?? 0,
        headers: found,
        body: content,
        json: () => JSON.parse(content.toString()) as Record<string, unknown>,
      });
    });
    outgoing.end(body);
  });
}
