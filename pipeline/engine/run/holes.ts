// Known holes of the programs that run steps, by version: a small table with a date, so that what it does not say is not taken for safety.
// From the advisories of containers/crun and opencontainers/runc, their release notes, and CVE records. passt has had none.

export const KNOWN_AS_OF = '2026-11-28';

type Program = 'crun' | 'runc' | 'pasta';

interface Hole {
  readonly id: string;
  readonly program: Program;
  /** The first version with it, where that is not the very first. */
  readonly since?: string;
  /** The first without it, of each series that was fixed; none, where there is no such version yet. */
  readonly fixedIn: readonly string[];
  /** Why no step can reach it. */
  readonly unreachable?: string;
}

const KRUN = 'no step runs in krun';
const NO_RESTORE = 'no step is restored from a checkpoint';
const OWN_DEV = 'each step has a new /dev, not its image’s';
const PROCFS = ['1.2.8', '1.3.3', '1.4.0-rc.3'];

const HOLES: readonly Hole[] = [
  { id: 'CVE-2019-18837', program: 'crun', fixedIn: ['0.10.5'] },
  { id: 'CVE-2022-27650', program: 'crun', fixedIn: ['1.4.4'] },
  { id: 'CVE-2025-24965', program: 'crun', fixedIn: ['1.20'], unreachable: KRUN },
  { id: 'CVE-2026-30892', program: 'crun', since: '1.19', fixedIn: ['1.27'], unreachable: 'exec is given no --user' },
  { id: 'CVE-2026-84042', program: 'crun', since: '1.29', fixedIn: ['1.30'], unreachable: KRUN },
  { id: 'CVE-2026-88264', program: 'crun', fixedIn: ['1.30'], unreachable: OWN_DEV },
  { id: 'CVE-2026-88265', program: 'crun', fixedIn: ['1.30'], unreachable: OWN_DEV },
  { id: 'CVE-2026-115520', program: 'crun', fixedIn: ['1.31'], unreachable: NO_RESTORE },
  { id: 'CVE-2026-115521', program: 'crun', fixedIn: ['1.31'], unreachable: 'each step has a new /proc' },
  { id: 'CVE-2026-133553', program: 'crun', fixedIn: [], unreachable: 'nothing is mounted with tmpcopyup' },
  { id: 'CVE-2019-5736', program: 'runc', fixedIn: ['1.0.0-rc7'] },
  { id: 'CVE-2021-30465', program: 'runc', fixedIn: ['1.0.0-rc95'] },
  { id: 'CVE-2022-29162', program: 'runc', fixedIn: ['1.1.2'] },
  { id: 'CVE-2023-25809', program: 'runc', fixedIn: ['1.1.5'] },
  { id: 'CVE-2023-27561', program: 'runc', since: '1.0.0-rc95', fixedIn: ['1.1.5'] },
  { id: 'CVE-2023-28642', program: 'runc', fixedIn: ['1.1.5'] },
  { id: 'CVE-2024-21626', program: 'runc', since: '1.0.0-rc93', fixedIn: ['1.1.12'] },
  { id: 'CVE-2024-45310', program: 'runc', fixedIn: ['1.1.14', '1.2.0-rc.3'] },
  { id: 'CVE-2025-31133', program: 'runc', fixedIn: PROCFS },
  { id: 'CVE-2025-52565', program: 'runc', since: '1.0.0-rc3', fixedIn: PROCFS },
  { id: 'CVE-2025-52881', program: 'runc', fixedIn: PROCFS },
  { id: 'CVE-2026-41579', program: 'runc', fixedIn: ['1.3.6', '1.4.3', '1.5.0-rc.3'] },
  {
    id: 'CVE-2026-119101',
    program: 'runc',
    fixedIn: ['1.3.7', '1.4.4', '1.5.3', '1.6.0-rc.2'],
    unreachable: NO_RESTORE,
  },
];

/** Holes of a version, by what is known of it; distributions may have fixed some in a version of their own. */
export function holesIn(program: Program, version: string): Hole[] {
  return HOLES.filter((hole) => {
    if (hole.program !== program || (hole.since !== undefined && compare(version, hole.since) < 0)) return false;
    const sameSeries = hole.fixedIn.find((fixed) => seriesOf(fixed) === seriesOf(version));
    const needed = sameSeries ?? hole.fixedIn.at(-1);
    return needed === undefined || compare(version, needed) < 0;
  });
}

/** Of `1.4.0-rc.3` or `1.1.5+ds1`: numbers, of which the last is a candidate's; what is none comes after all of them. */
function numbersOf(version: string): number[] {
  const [, major = 0, minor = 0, patch = 0, candidate = Number.POSITIVE_INFINITY] =
    /^(\d+)\.(\d+)(?:\.(\d+))?(?:[-~]rc\.?(\d+))?/.exec(version) ?? [];
  return [major, minor, patch, candidate].map(Number);
}

const seriesOf = (version: string): string => numbersOf(version).slice(0, 2).join('.');

function compare(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  const at = left.findIndex((number, index) => number !== right[index]);
  return at < 0 ? 0 : (left[at] as number) < (right[at] as number) ? -1 : 1;
}

export interface KnownHoles {
  /** For people: what is known, and why it does not matter, where that is so. */
  readonly found: string;
  /** Names of those that steps could reach, with the version to have. */
  readonly reachable: readonly string[];
}

export function describeHoles(program: Program, version: string): KnownHoles {
  const holes = holesIn(program, version);
  const reachable = holes.filter(({ unreachable }) => unreachable === undefined);
  const others = holes.filter(({ unreachable }) => unreachable !== undefined);
  const named = `${program} ${version}: `;
  if (holes.length === 0) return { found: `${named}no hole known as of ${KNOWN_AS_OF}`, reachable: [] };
  const fixed = ({ id, fixedIn }: Hole) => `${id} (fixed in ${fixedIn.join(', ') || 'no version yet'})`;
  const parts = [
    ...(reachable.length === 0 ? [] : [reachable.map(fixed).join(', ')]),
    ...(others.length === 0 ? [] : [`out of reach of steps ${others.map(({ id }) => id).join(', ')}`]),
  ];
  return { found: `${named}known as of ${KNOWN_AS_OF}, ${parts.join('; ')}`, reachable: reachable.map(fixed) };
}
