// The image's health check: exit code 0 if the service answers that it is well, 1 if not.
import { isHealthy } from './probe.ts';

const TIMEOUT_MS = 2000;

process.exit((await isHealthy(process.env.PORT || '8000', TIMEOUT_MS)) ? 0 : 1);
