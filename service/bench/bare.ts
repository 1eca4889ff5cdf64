// The other side of the comparison: Express as it comes, answering the same JSON on `/`, and nothing else.
import express from 'express';

const body: unknown = JSON.parse(process.env.BENCH_BODY ?? '{}');
const server = express()
  .get('/', (_req, res) => {
    res.json(body);
  })
  .listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ event: 'listening', port: (server.address() as { port: number }).port }));
  });
