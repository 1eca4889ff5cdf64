// What is wrong with a Dockerfile, in a sentence.

export class DockerfileFault extends Error {
  override readonly name = 'DockerfileFault';
}
