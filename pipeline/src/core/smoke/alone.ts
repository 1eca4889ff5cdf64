// Where a repository has no platform: the deployment of its service alone, written as a compose file is, and read like one.

/** What stands in docker-compose.yml for the image that was built: a file that does not have it deploys something else. */
const APP_VARIABLE = /\$\{?APP_IMAGE\b/;

/** Whether a compose file deploys the image that was built. */
export const isPlatform = (text: string | null): text is string => text !== null && APP_VARIABLE.test(text);

/** As the image asks to be run: as its own user, with nothing to write to. */
export const ALONE = `services:
  app:
    image: "\${APP_IMAGE}"
    read_only: true
    cap_drop: [ALL]
    environment:
      APP_COMMIT: \${APP_COMMIT:-}
      APP_BUILT: \${APP_BUILT:-}
      APP_DIGEST: \${APP_DIGEST:-}
    healthcheck: { interval: 5s, timeout: 3s, retries: 3, start_period: 10s }
`;
