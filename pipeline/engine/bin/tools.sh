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
  home=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
  tools=${XDG_CACHE_HOME:-$home/.cache}/drydock/tools/$made_from-$(uname -m)
  if ! [ -d "$tools" ]; then
    case ${1-} in session | probe | tools) node "$engine/launch.mjs" fetch-tools "$tools" || exit ;; esac
    [ -d "$tools" ] || tools=
  fi
  export DRYDOCK_TOOLS="$tools"
}

# Becomes one of them. Before a session has made the folder that they expect to be in, their loader has to be told where they are.
run_tool() {
  if [ -z "$tools" ]; then exec "$@"; fi
  name=$1
  shift
  exec "$tools/lib/ld.so" --library-path "$tools/lib" "$tools/bin/$name" "$@"
}
