# Finds the engine's own tools (tools/), and says what keeps the engine from its work. Sourced, with $engine set to the engine's folder.

# What the machine has instead is often not in a user's PATH.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# How a container is started that lets the engine make namespaces. Its own file system holds no overlays, so the cache is a volume.
rights='docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined --volume drydock:/root/.cache IMAGE'

refuse() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 3
}

# Sets $tools to their folder, or to nothing where the machine's own programs have to do. What needs them has them fetched when they are missing.
find_tools() {
  tools=${DRYDOCK_TOOLS-}
  if [ -n "$tools" ] && [ -d "$tools" ]; then return; fi
  # A new lock or other code makes other tools, in a folder of their own.
  made_from=$(cat "$engine/images/assembled/locks/engine-tools.json" "$engine/tools/"*.ts | sha256sum | cut -c 1-16)
  # A relative path counts as none, as the specification of base directories has it.
  case ${XDG_CACHE_HOME-} in
    /*) cache=$XDG_CACHE_HOME ;;
    *) cache=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache ;;
  esac
  tools=$cache/drydock/tools/$made_from-$(uname -m)
  if ! can_start; then
    case ${1-} in session | probe | tools) node "$engine/launch.mjs" fetch-tools "$tools" || exit ;; esac
    can_start || tools=
  fi
  export DRYDOCK_TOOLS="$tools"
}

# Whether what runs before the engine can look at all of them (tools/install.ts) is what was unpacked.
can_start() {
  (cd "$tools" && [ -x lib/ld.so ] && grep -E ' (lib/ld.so|lib/libc.so.6|bin/unshare)$' sums | sha256sum --check --status) 2>/dev/null
}

# Becomes one of them. Before a session has made the folder that they expect to be in, their loader has to be told where they are.
run_tool() {
  if [ -z "$tools" ]; then exec "$@"; fi
  name=$1
  shift
  exec "$tools/lib/ld.so" --library-path "$tools/lib" "$tools/bin/$name" "$@"
}
