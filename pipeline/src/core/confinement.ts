// The proof that a scanner wrote of its own confinement, before it became the scanner: read, and judged.

/** What was true for the process that scanned. */
export type Confinement = {
  /** Network interfaces, the loopback not counted. */
  interfaces: string[];
  /** Capabilities that it has or could gain, as the kernel writes them; 0 for none. */
  capabilities: string;
  noNewPrivileges: boolean;
  /** Inputs that it could write to. */
  writable: string[];
  sockets: string[];
  /** Names of its environment; values are nobody's business. */
  environment: string[];
  /** What the machine said when it refused a network and mounts of the scanner's own, as where no step can have any. */
  refusal?: string;
};

/** Read `name: value` lines. Throws when one is missing or cannot be: a proof with a hole is none. */
export function parseConfinement(text: string): Confinement {
  const lines = text.split('\n').map((line) => /^(\w+):(.*)$/.exec(line) ?? []);
  const fields = new Map(lines.map(([, name = '', value = '']) => [name, value.trim()]));
  const field = (name: string) => {
    const value = fields.get(name);
    if (value === undefined) throw new Error(`the sandbox record lacks ${name}`);
    return value;
  };
  const words = (name: string) => field(name).split(/\s+/).filter(Boolean);
  const interfaces = words('interfaces');
  // Every network namespace has one: where it is not seen, nothing was looked at.
  if (!interfaces.includes('lo')) throw new Error('the sandbox record lacks the loopback interface');
  return {
    interfaces: interfaces.filter((name) => name !== 'lo'),
    capabilities: CAPABILITY_SETS.map((name) => toBits(name, field(name)))
      .reduce((all, set) => all | set, 0n)
      .toString(16),
    noNewPrivileges: field('NoNewPrivs') === '1',
    writable: words('writable'),
    sockets: words('sockets'),
    environment: words('environment').sort(),
    ...(fields.get('refusal') ? { refusal: field('refusal') } : {}),
  };
}

const CAPABILITY_SETS = ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'CapInh'];

function toBits(name: string, hex: string): bigint {
  if (!/^[0-9a-f]+$/i.test(hex)) throw new Error(`the sandbox record has no valid ${name}: ${JSON.stringify(hex)}`);
  return BigInt(`0x${hex}`);
}

/** What is not as it has to be; null when all is. */
export function confinementFault(confinement: Confinement): string | null {
  const faults = [
    ...confinement.interfaces.map((name) => `it has the network interface ${name}`),
    ...(confinement.capabilities === '0' ? [] : [`it has capabilities (${confinement.capabilities})`]),
    ...(confinement.noNewPrivileges ? [] : ['it may gain privileges']),
    ...confinement.writable.map((path) => `it can write to ${path}`),
    ...confinement.sockets.map((path) => `it sees the socket ${path}`),
  ];
  return faults.length === 0 ? null : `the scanner was not confined: ${faults.join(', ')}`;
}
