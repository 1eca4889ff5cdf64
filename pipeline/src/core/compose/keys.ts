// What becomes of each key of a service that isn't carried out: some are worth a note, some would make a lie of the deployment.
import { COMMAND } from '../../command.ts';

/** A session of an engine has no such thing, and the service runs without it. Docker Compose has them all. */
export const NOTED: Readonly<Record<string, string>> = {
  restart: 'what ends stays ended',
  read_only: 'the root file system can be written',
  cap_drop: "the engine's own set of capabilities holds",
  security_opt: 'the engine rules out new privileges by itself, or does not',
  logging: 'logs are kept whole, until the end of the run',
  deploy: 'limits of memory, processors and processes do not hold',
  labels: 'nobody reads them',
  init: 'the engine brings an init of its own',
  ulimits: "the engine's own limits hold",
  container_name: 'the service is known by its name only',
  hostname: 'the service is known by its name only',
  stop_grace_period: "the engine's own time from SIGTERM to SIGKILL holds",
  stop_signal: 'SIGTERM is sent',
  shm_size: "the engine's own size holds",
};

/** Without these the service would be another one: what to write instead. */
export const REFUSED: Readonly<Record<string, string>> = {
  build: `name an image; ${COMMAND} build builds the service`,
  env_file: 'write the variables under environment',
  network_mode: 'leave it out: all services share one network',
  privileged: 'leave it out: nothing here may be privileged',
  cap_add: 'leave it out: the engine hands out no more capabilities',
  devices: 'leave it out: no device of the host is at hand',
  secrets: 'mount a folder with the credentials',
  configs: 'mount the file under volumes',
  extends: 'write an anchor, and merge it with <<',
  profiles: 'leave it out: every service is deployed',
  platform: "leave it out: the engine's own platform is meant",
  pid: 'leave it out: every service has processes of its own',
  ipc: 'leave it out: every service has memory of its own',
  extra_hosts: 'leave it out: services are found by their names',
  dns: "leave it out: the engine's name server is asked",
  links: 'leave it out: services are found by their names',
  expose: 'leave it out: every port can be reached by the other services',
};
