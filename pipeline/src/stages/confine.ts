// Runs a command without network and without any capability, its inputs read-only, on every engine: Dagger has no switch for it.
import type { Container } from '@dagger.io/dagger';

const PROGRAM = '/usr/local/bin/confine';

/** Where the proof is written, below a step's folder. */
export const PROOF = 'confined';

/**
 * The step starts with all capabilities of its container, and uses them for nothing but to give things up: its network, the right
 * to write to its inputs, and last the capabilities themselves. What is then true is written down by the process that becomes
 * the command. Needs util-linux, as every Debian has it.
 */
const SCRIPT = `#!/bin/sh
# confine enter PROOF "INPUT…" COMMAND…
set -eu
phase=$1 proof=$2 inputs=$3
shift 3
case $phase in
  enter)
    mkdir -p "\${proof%/*}"
    namespaces='unshare --net --mount --propagation private --'
    if refusal=$($namespaces true 2>&1); then exec $namespaces "$0" seal "$proof" "$inputs" "$@"; fi
    # The engine itself may make none. What can be given up is; that the rest is not is written down.
    export CONFINE_REFUSED="$refusal"
    exec "$0" drop "$proof" "$inputs" "$@"
    ;;
  seal)
    for input in $inputs; do mount -o remount,bind,ro "$input"; done
    exec "$0" drop "$proof" "$inputs" "$@"
    ;;
  drop)
    exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- "$0" prove "$proof" "$inputs" "$@"
    ;;
  prove)
    refusal=\${CONFINE_REFUSED:-}
    unset CONFINE_REFUSED
    {
      echo "refusal: $refusal"
      echo "interfaces: $(sed -n 's/^ *\\([^ ]*\\):.*/\\1/p' /proc/net/dev | tr '\\n' ' ')"
      grep -E '^(Cap|NoNewPrivs)' /proc/self/status
      echo "writable: $(for input in $inputs; do if [ -w "$input" ]; then echo "$input"; fi; done | tr '\\n' ' ')"
      echo "sockets: $(find /run/ /tmp/ -type s 2>/dev/null | tr '\\n' ' ')"
      echo "environment: $(env | sed -n 's/^\\([A-Za-z_][A-Za-z_0-9]*\\)=.*/\\1/p' | tr '\\n' ' ')"
    } >"$proof"
    exec "$@"
    ;;
esac
`;

/** The container with the means to confine. Its inputs must be mounted: what is mounted can be made read-only. */
export function withConfine(container: Container): Container {
  return container.withNewFile(PROGRAM, SCRIPT, { permissions: 0o755 });
}

/** The arguments that run a command confined, and write the proof of it. */
export function confined(proof: string, inputs: readonly string[], args: readonly string[]): string[] {
  return [PROGRAM, 'enter', proof, inputs.join(' '), ...args];
}
