// What `--help` says.
export const USAGE = `Usage: embedded-engine session [--workdir DIR]     speak Dagger's session protocol
       embedded-engine du [--json]                 say what the store holds, and its budget
       embedded-engine gc [--keep SIZE] [--all] [--verify]  evict what was not used for longest
       embedded-engine sweep                       remove what sessions that were killed left behind
       embedded-engine probe                       try a step and its network here; print what came of it as JSON
       embedded-engine tools [--json]              say which programs run steps: its own, fetched once, or this machine's

session  prints {"port":…,"session_token":…} and answers GraphQL on that port until its standard input is closed
         or it is told to stop
gc       evicts until the store fits its budget, or SIZE (20GB, 500MB, a number of bytes); --all evicts everything,
         packages, tools and stores of other versions too. What a running session uses always stays.
         --verify reads every layer first, and throws away what is not as it was made

Read from the environment:
  DRYDOCK_OFFLINE=1     no step gets a network, nothing is fetched
  DRYDOCK_IMAGES=DIR    take images from a folder of OCI archives instead of any registry
  DRYDOCK_MIRRORS=…     registries to ask first: docker.io=mirror.example/hub,…
  DRYDOCK_SERVICE_READY=150 seconds that a service's ports may take to accept connections
  DRYDOCK_STEP_MEMORY=2GB     how much memory a step may have (default: 90 % of the machine's)
  DRYDOCK_STEP_PROCESSES=8192 how many processes a step may have
  DRYDOCK_STEP_TIMEOUT=1h     how long a step may run before it is ended: 90s, 10m, 2h
  DRYDOCK_TOOL_PACKAGES=DIR   where packages of the engine's own programs may lie, named by their sha256
  DRYDOCK_SUBSTITUTES=0 assemble no image in the place of a tag that no registry answers for
  DRYDOCK_STORE_BUDGET=20GB  how large the store may be (default: a tenth of its disk, from 5 to 20 GB)
  XDG_CACHE_HOME        where the store lives (default ~/.cache)

Exit codes: 0 done, 2 usage error, 3 this machine or its store cannot be used, 1 anything else.
`;
