// The image's health check: exit code 0 if the service of this container says that it is well, 1 if not.
const TIMEOUT_MS = 2000;

process.exit((await isHealthy(process.env.PORT || '8000')) ? 0 : 1);

async function isHealthy(port: string): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.status === 200;
  } catch {
    return false;
  }
}
