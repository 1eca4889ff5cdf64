// Asks a service on this machine whether it is healthy. Needs Node only, and never waits for longer than it was told.
export async function isHealthy(port: string, timeoutMs: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(timeoutMs) });
    return response.status === 200;
  } catch {
    return false;
  }
}
