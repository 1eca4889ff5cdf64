// What of this process's environment the programs of Docker get: the settings of docker-compose.yml are not among it.
const KEPT =
  /^(PATH|HOME|USER|TMPDIR|XDG_\w+|DOCKER_\w+|SSH_AUTH_SOCK|(HTTPS?|NO)_PROXY|https?_proxy|no_proxy|LANG|SystemRoot)$/;

export function toolEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => KEPT.test(name)));
}
