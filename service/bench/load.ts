// Loads one URL over keep-alive connections, each sending its next request when its answer is whole. Times every one.
import { connect, type Socket } from 'node:net';

export interface Load {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

const END_OF_HEADER = Buffer.from('\r\n\r\n');

export async function load(port: number, connections: number, milliseconds: number): Promise<Load> {
  const times: number[] = [];
  const start = performance.now();
  const deadline = start + milliseconds;
  await Promise.all(Array.from({ length: connections }, () => keepAsking(port, deadline, times)));
  const seconds = (performance.now() - start) / 1000;
  times.sort((a, b) => a - b);
  const requests = times.length;
  return { requests, requestsPerSecond: requests / seconds, p99Ms: times[Math.floor(requests * 0.99)] ?? Number.NaN };
}

function keepAsking(port: number, deadline: number, times: number[]): Promise<void> {
  const request = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let sent = 0;
    let missing = 0;
    const ask = () => {
      sent = performance.now();
      socket.write(request);
    };
    socket.on('connect', ask);
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      missing = missing === 0 ? lengthOf(chunk) - chunk.length : missing - chunk.length;
      if (missing > 0) return;
      const now = performance.now();
      times.push(now - sent);
      if (now < deadline) ask();
      else socket.end(resolve);
    });
  });
}

/** Of the whole answer; its header arrives in one piece, being smaller than a segment. */
function lengthOf(first: Buffer): number {
  const header = first.subarray(0, first.indexOf(END_OF_HEADER)).toString('latin1');
  const length = /\r\ncontent-length: (\d+)/i.exec(header)?.[1];
  if (!header.startsWith('HTTP/1.1 200 ') || length === undefined) throw new Error(`not an answer: ${header}`);
  return header.length + END_OF_HEADER.length + Number(length);
}
