// Bounds request bodies. No route takes one, so a body is read to its end, counted and dropped.
import type { RequestHandler } from 'express';
import { sendProblem } from './problem.ts';

/** After a refusal: long enough for the client to read it, short enough to be no gift. */
const LINGER_MS = 1000;

export function limitBody(limit: number): RequestHandler {
  return (req, res, next) => {
    const declared = req.headers['content-length'];
    if (declared === undefined && req.headers['transfer-encoding'] === undefined) {
      next();
      return;
    }
    const refuse = () => {
      sendProblem(res, { status: 413, detail: `The body is larger than ${limit} bytes` });
      // Closing at once would reset the connection, and the answer with it.
      const cut = setTimeout(() => req.destroy(), LINGER_MS);
      req.once('close', () => clearTimeout(cut));
      req.resume();
    };
    if (Number(declared) > limit) {
      refuse();
      return;
    }
    let received = 0;
    const count = (chunk: Buffer) => {
      received += chunk.length;
      if (received <= limit) return;
      req.off('data', count).off('end', next);
      refuse();
    };
    req.on('data', count).once('end', next);
  };
}
