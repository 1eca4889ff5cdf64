// Reads what Docker Compose refuses, as one of our errors: its own words are kept, the remedy is added.
import { PipelineError } from '../../src/core/errors.ts';
import { lastLine, type Said } from './docker.ts';

const PORT = /(?:address already in use|port is already allocated|ports are not available)/;
/** Engines of different ages name the address behind different words. */
const ADDRESS = /(?:listen tcp\d?|Bind for|host port(?: for)?|exposing port TCP) \S*?:(\d+)/;

/** Of `docker compose up`. */
export function refusalOf({ stderr }: Said): PipelineError {
  if (PORT.test(stderr)) {
    const port = ADDRESS.exec(stderr)?.[1] ?? 'of the platform';
    const hint = `end what listens there, or name another port in .env; .env.example lists them`;
    return new PipelineError('PORT_IN_USE', `port ${port} of this machine is in use`, hint);
  }
  const hint = 'see `docker compose ps --all` and `docker compose logs`';
  return new PipelineError('DEPLOY_FAILED', `Docker Compose failed: ${lastLine(stderr)}`, hint);
}

/** Of `docker compose config`: nothing was started. */
export function faultOf({ stderr }: Said): PipelineError {
  // A long word of what is wrong has lines of its own; warnings come before it.
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !/level=warning/.test(line));
  const said = lines
    .join(' ')
    .replace(/^\S*validating \S*\/(?=docker-compose\.yml)/, '')
    .slice(0, 300);
  return new PipelineError('BAD_COMPOSE', `Docker Compose refuses docker-compose.yml: ${said}`, 'fix the file');
}
