// Asks a service that is deployed alone: that it answers, and where it offers them, that /version says what was deployed and /metrics can be read.
//
//   node service.ts --out FILE --app URL --seconds N --commit TEXT --built TEXT --digest sha256:…
//
// What it does not offer has no row: nobody asked for it.
import { type Answer, ask } from './ask.ts';
import { expectThat, optionsOf, probe, runAsProgram, until } from './program.ts';

export type Deployed = { commit: string; built: string; digest: string };

type Offered = Record<string, unknown>;

const typeOf = ({ headers }: Answer) => (headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';

/** What /version says, if it is such an answer: JSON that names a commit, a time of building or a digest. */
export function versionIn(answer: Answer): Offered | undefined {
  if (answer.status !== 200) return undefined;
  try {
    const body: unknown = JSON.parse(answer.text);
    const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
    return isObject && ['commit', 'built', 'digest'].some((key) => key in body) ? (body as Offered) : undefined;
  } catch {
    return undefined;
  }
}

/** A commit may be cut short, as people write them. */
const isSame = (key: string, offered: unknown, value: string): boolean =>
  offered === value ||
  (key === 'commit' && typeof offered === 'string' && offered.length >= 7 && value.startsWith(offered));

/** Throws what is wrong; says in short what is right. */
export function judgeVersion(offered: Offered, deployed: Deployed): string {
  // Where nothing was told, such as the commit of a folder without one, nothing is asked.
  const said = Object.entries(deployed).filter(([key, value]) => key in offered && value !== '');
  for (const [key, value] of said)
    expectThat(
      isSame(key, offered[key], value),
      `it says that ${key} is ${JSON.stringify(offered[key])}, not ${JSON.stringify(value)}, which APP_${key.toUpperCase()} passed to it`,
    );
  return said.map(([key, value]) => `${key} ${value}`).join(', ') || 'no value was passed to it';
}

/** Prometheus's text format, by its type, or by its comments where the type is that of any text: a page that is shown for every path is none. */
export function hasMetrics(answer: Answer): boolean {
  const type = answer.headers['content-type'] ?? '';
  if (answer.status !== 200) return false;
  return (
    /^(application\/openmetrics-text|text\/plain\s*;.*\bversion=)/.test(type) ||
    (typeOf(answer) === 'text/plain' && /^# (HELP|TYPE) /m.test(answer.text))
  );
}

const SAMPLE =
  /^[a-zA-Z_:][\w:]*(\{.*\})? (NaN|[+-]?(Inf|\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?))( -?\d+(\.\d+)?)?( # .*)?$/;

/** Throws the first line that is none of the format. */
export function judgeMetrics(text: string): string {
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const wrong = samples.find((line) => !SAMPLE.test(line));
  expectThat(wrong === undefined, `it has a line that Prometheus cannot read: ${wrong}`);
  return `${samples.length} samples`;
}

/** Throws for an answer that says that the service itself is at fault. */
export function judgeAnswer({ status, text }: Answer): string {
  expectThat(status < 500, `it answers ${status}: ${text.slice(0, 200)}`);
  return String(status);
}

runAsProgram('service.ts', async (args) => {
  const { out, app, seconds, ...deployed } = optionsOf(
    args,
    ...(['out', 'app', 'seconds', 'commit', 'built', 'digest'] as const),
  );
  await probe(async (check) => {
    await check('/ is answered', () => until(Number(seconds), async () => judgeAnswer(await ask(`${app}/`))));
    const [version, metrics] = await Promise.all(
      ['/version', '/metrics'].map((path) => ask(`${app}${path}`).catch(() => null)),
    );
    const offered = version ? versionIn(version) : undefined;
    if (offered !== undefined) await check('/version says what was deployed', () => judgeVersion(offered, deployed));
    if (metrics && hasMetrics(metrics)) await check('/metrics can be read', () => judgeMetrics(metrics.text));
  }, out);
});
