// One HTTP request, on a connection of its own, with an end to its time.
import { type IncomingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

export type Answer = { status: number; headers: IncomingHttpHeaders; text: string };

export type Asked = { method?: string; headers?: Readonly<Record<string, string>>; body?: string };

const TIMEOUT_MS = 10_000;

export async function ask(url: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Answer> {
  return await new Promise<Answer>((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const outgoing = request(url, { method, headers, agent: false, signal }, async (incoming) => {
      try {
        const text = (await buffer(incoming)).toString();
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The JSON of an answer that is 200. */
export async function askJson<T>(url: string): Promise<T> {
  const { status, text } = await ask(url);
  if (status !== 200) throw new Error(`${url} answers ${status}: ${text.slice(0, 200)}`);
  return JSON.parse(text) as T;
}
