// Directory.dockerBuild: what its arguments mean.
import { ContainerValue, type DirectoryValue, lazy, SecretValue } from '../values.ts';
import { HOST_PLATFORM, normalized } from './platform.ts';
import type { Resolvers } from './resolvers.ts';

interface DockerBuildArgs {
  readonly dockerfile?: string;
  readonly platform?: string;
  readonly buildArgs?: readonly { readonly name: string; readonly value: string }[];
  readonly target?: string;
  readonly secrets?: readonly string[];
  readonly noInit?: boolean;
}

export const dockerFields: Resolvers<DirectoryValue> = {
  dockerBuild: (self, args: DockerBuildArgs, session) =>
    new ContainerValue(
      lazy(async () => {
        const { buildDockerfile } = await import('../docker/build.ts');
        return buildDockerfile(session, self, {
          dockerfile: args.dockerfile || 'Dockerfile',
          platform: args.platform || undefined,
          target: args.target ?? '',
          buildArguments: new Map((args.buildArgs ?? []).map(({ name, value }) => [name, value])),
          secrets: (args.secrets ?? []).map((id) => session.load(id, SecretValue)),
          noInit: args.noInit ?? false,
        });
      }),
      args.platform ? normalized(args.platform) : HOST_PLATFORM,
    ),
};
