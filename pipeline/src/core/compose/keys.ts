// What becomes of each key that isn't carried out: some change nothing, some are worth a note, some would make a lie of the deployment.
import { COMMAND } from '../../command.ts';
import {
  decimal,
  duration,
  either,
  fields,
  flag,
  list,
  mapping,
  optional,
  patterned,
  type Shape,
  size,
  sizeText,
  strictWhole,
  table,
  text,
  texts,
  whole,
  wordOf,
} from './shapes.ts';

type Noted = { why: string; shape: Shape };

const devices = list(
  fields({
    capabilities: texts,
    count: either(text, strictWhole),
    device_ids: texts,
    driver: text,
    options: table,
  }),
);
const update = fields({
  parallelism: whole,
  delay: duration,
  failure_action: text,
  monitor: duration,
  max_failure_ratio: decimal,
  order: wordOf('start-first', 'stop-first'),
});
const deploy = fields({
  mode: text,
  endpoint_mode: text,
  replicas: whole,
  labels: table,
  rollback_config: update,
  update_config: update,
  resources: fields({
    limits: fields({ cpus: decimal, memory: sizeText, pids: strictWhole }),
    reservations: fields({ cpus: decimal, memory: sizeText, devices }),
  }),
  restart_policy: fields({ condition: text, delay: duration, max_attempts: whole, window: duration }),
  placement: fields({
    constraints: texts,
    preferences: list(fields({ spread: text })),
    max_replicas_per_node: whole,
  }),
});
const LIMITS = 'limits of memory, processors and processes do not hold';
const UNREAD = 'they are not read';
const BY_NAME = 'the service is known by its name only';

/** A session of an engine has no such thing, and the service runs without it. Docker Compose has them all. */
export const NOTED: Readonly<Record<string, Noted>> = {
  restart: {
    why: 'what ends stays ended',
    shape: patterned(/^(no|always|unless-stopped|on-failure(:\d+)?)$/, '"no", always, on-failure or unless-stopped'),
  },
  read_only: { why: 'the root file system can be written', shape: flag },
  cap_drop: { why: "the engine's own set of capabilities holds", shape: texts },
  security_opt: { why: 'the engine rules out new privileges by itself, or does not', shape: texts },
  logging: {
    why: 'full logs are kept until the end of the run',
    shape: fields({ driver: text, options: mapping(optional(either(text, decimal))) }),
  },
  deploy: { why: LIMITS, shape: deploy },
  mem_limit: { why: LIMITS, shape: size },
  mem_reservation: { why: LIMITS, shape: size },
  memswap_limit: { why: LIMITS, shape: size },
  cpus: { why: LIMITS, shape: decimal },
  cpu_shares: { why: LIMITS, shape: whole },
  pids_limit: { why: LIMITS, shape: whole },
  labels: { why: UNREAD, shape: table },
  annotations: { why: UNREAD, shape: table },
  init: { why: 'the engine brings an init', shape: flag },
  ulimits: {
    why: "the engine's own limits hold",
    shape: mapping(either(whole, fields({ soft: whole, hard: whole }, ['soft', 'hard'])), /^[a-z]+$/),
  },
  container_name: { why: BY_NAME, shape: text },
  hostname: { why: BY_NAME, shape: text },
  stop_grace_period: { why: "the engine's own time from SIGTERM to SIGKILL holds", shape: duration },
  stop_signal: { why: 'SIGTERM is sent', shape: text },
  shm_size: { why: "the engine's own size holds", shape: size },
  tty: { why: 'there is no terminal', shape: flag },
  stdin_open: { why: 'nothing comes from standard input', shape: flag },
  pull_policy: {
    why: 'images are had by their digests',
    shape: wordOf('always', 'never', 'if_not_present', 'missing'),
  },
};

/** Every port can be reached by the other services, whatever is said of it. */
export const NEEDLESS: Readonly<Record<string, Shape>> = {
  expose: list(either(strictWhole, patterned(/^\d+(-\d+)?(\/[a-z]+)?$/, '"3000", or "8080-8085/tcp"'))),
};

/** Without these the service would be another one: what to write instead. */
export const REFUSED: Readonly<Record<string, string>> = {
  build: `name an image; ${COMMAND} build builds the service`,
  network_mode: 'leave it out: all services share one network',
  privileged: 'leave it out: nothing here may be privileged',
  cap_add: 'leave it out: the engine hands out no more capabilities',
  devices: 'leave it out: no device of the host is at hand',
  platform: "leave it out: the engine's own platform is meant",
  pid: 'leave it out: every service has separate processes',
  ipc: 'leave it out: every service has separate memory',
  extra_hosts: 'leave it out: services are found by their names',
  dns: "leave it out: the engine's name server is asked",
  links: 'leave it out: services are found by their names',
  scale: 'leave it out: one of each service is started',
};

/** What Compose takes for a network, of which a session has one. */
export const NETWORK = optional(
  fields({
    name: text,
    driver: text,
    driver_opts: mapping(either(text, strictWhole)),
    ipam: fields({
      driver: text,
      config: list(fields({ subnet: text, ip_range: text, gateway: text, aux_addresses: mapping(text) })),
      options: mapping(text),
    }),
    external: flag,
    internal: flag,
    enable_ipv6: flag,
    attachable: flag,
    labels: table,
  }),
);

/** What Compose takes for a volume, which a session makes anew for each service. */
export const VOLUME = optional(
  either(
    fields({ name: text, external: flag }),
    fields({ name: text, driver: text, driver_opts: mapping(either(text, strictWhole)), labels: table }),
  ),
);
