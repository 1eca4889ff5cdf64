# Becomes a command with the tools of the engine ($1) where a session of it has them. In a mount namespace of its own.
set -eu
engine=$1
shift
. "$engine/bin/tools.sh"
find_tools tools
if [ -n "$tools" ]; then
  (run_tool mount -t tmpfs tmpfs /dev/shm)
  mkdir /dev/shm/t
  (run_tool mount --bind "$tools" /dev/shm/t)
  PATH=/dev/shm/t/bin:$PATH
fi
exec "$@"
