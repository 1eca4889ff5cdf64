// How a Dockerfile is read: lines, comments, directives, flags and heredocs, in texts of Docker's reference and of bug reports.
import { expect, test } from 'vitest';
import { readDockerfile } from '../../src/dockerfile/read.ts';

const read = (text: string) => readDockerfile(text).instructions;
const lines = (text: string) => read(text).map(({ line, keyword, rest }) => `${line} ${keyword} ${rest}`);

const cases: [name: string, text: string, instructions: string[]][] = [
  // https://docs.docker.com/reference/dockerfile/#format
  [
    'comments in a continued RUN are left out',
    'FROM alpine\nRUN echo hello \\\n# comment\nworld\n',
    ['1 FROM alpine', '2 RUN echo hello world'],
  ],
  [
    'so are indented ones, and blank lines between',
    'FROM a\nRUN apt-get update && \\\n\n    # a comment \\\n  \t\n  apt-get install -y git\nUSER x\n',
    ['1 FROM a', '2 RUN apt-get update &&   apt-get install -y git', '7 USER x'],
  ],
  ['a # in the middle of a line is no comment', 'FROM a\nRUN echo "# x" # y\n', ['1 FROM a', '2 RUN echo "# x" # y']],
  ['keywords in any letters', 'from a as b\nrUn x\n', ['1 FROM a as b', '2 RUN x']],
  // https://github.com/moby/moby/issues/2675: whitespace after the backslash
  ['blanks after a backslash', 'FROM a\nRUN a \\  \t\n b\n', ['1 FROM a', '2 RUN a  b']],
  ['a doubled backslash ends the line', 'FROM a\nRUN echo \\\\\nUSER x\n', ['1 FROM a', '2 RUN echo \\\\', '3 USER x']],
  ['lines of Windows', 'FROM a\r\nRUN a \\\r\n  b\r\nUSER x\r\n', ['1 FROM a', '2 RUN a   b', '4 USER x']],
  // https://github.com/moby/moby/issues/9276: a byte order mark
  ['a byte order mark', '\uFEFFFROM a\n', ['1 FROM a']],
  ['no newline at the end', 'FROM a\nRUN a \\', ['1 FROM a', '2 RUN a']],
  [
    'an array over several lines',
    'FROM a\nCMD [ "executable", \\\n  "param 1", \\\n  "param2" ]\n',
    ['1 FROM a', '2 CMD [ "executable",   "param 1",   "param2" ]'],
  ],
  // https://docs.docker.com/reference/dockerfile/#escape
  [
    'a backtick to escape',
    '# escape=`\n\nFROM microsoft/nanoserver\nCOPY testfile.txt c:\\\nRUN dir `\n c:\\\n',
    ['3 FROM microsoft/nanoserver', '4 COPY testfile.txt c:\\', '5 RUN dir  c:\\'],
  ],
  [
    'a directive after another, in any letters',
    '# syntax=docker/dockerfile:1\n# EsCaPe = `\nFROM a\nRUN a `\nb\n',
    ['3 FROM a', '4 RUN a b'],
  ],
  [
    'a directive below a comment is a comment',
    '# About my dockerfile\n# escape=`\nFROM a\nRUN a \\\nb\n',
    ['3 FROM a', '4 RUN a b'],
  ],
];
for (const [name, text, instructions] of cases) test(name, () => expect(lines(text)).toEqual(instructions));

const heredocs: [name: string, text: string, contents: string[], rest: string, after: string][] = [
  // https://docs.docker.com/reference/dockerfile/#here-documents
  [
    'a multi-line script',
    'FROM debian\nRUN <<EOT bash\n  set -ex\n  apt-get update\n  apt-get install -y vim\nEOT\nUSER x\n',
    ['  set -ex\n  apt-get update\n  apt-get install -y vim\n'],
    '<<EOT bash',
    '7 USER x',
  ],
  [
    'one for another program, with what looks like comments',
    'FROM a\nRUN python3 <<EOF > /hello && echo ok\n# not a comment\n\nprint("Hello")\nEOF\nUSER x\n',
    ['# not a comment\n\nprint("Hello")\n'],
    'python3 <<EOF > /hello && echo ok',
    '7 USER x',
  ],
  [
    'two files, and tabs before them',
    'FROM a\nCOPY <<-robots.txt <<humans.txt /x/\n\t(robots)\n\trobots.txt\n(humans)\nhumans.txt\nUSER x\n',
    ['(robots)\n', '(humans)\n'],
    '<<-robots.txt <<humans.txt /x/',
    '7 USER x',
  ],
  ['a numbered one', 'FROM a\nRUN cat 3<<EOF <&3\nx\nEOF\nUSER x\n', ['x\n'], 'cat 3<<EOF <&3', '5 USER x'],
  ['an empty one', 'FROM a\nCOPY <<EOF /x\nEOF\nUSER x\n', [''], '<<EOF /x', '4 USER x'],
  ['backslashes stay', 'FROM a\nRUN <<E\nfoo \\\nbar\nE\nUSER x\n', ['foo \\\nbar\n'], '<<E', '6 USER x'],
  ['a trigger has its own', 'FROM a\nONBUILD RUN <<E\nx\nE\nUSER x\n', ['x\n'], 'RUN <<E', '5 USER x'],
  ['after flags', 'FROM a\nRUN --network=none <<E\nx\nE\nUSER x\n', ['x\n'], '<<E', '5 USER x'],
  // What is none: shells read these.
  ['in quotes', 'FROM a\nRUN sh -c "cat <<EOF"\nUSER x\n', [], 'sh -c "cat <<EOF"', '3 USER x'],
  ['a shift', 'FROM a\nRUN echo $((1<<3))\nUSER x\n', [], 'echo $((1<<3))', '3 USER x'],
  ['a here-string', 'FROM a\nRUN cat <<< x\nUSER x\n', [], 'cat <<< x', '3 USER x'],
  ['in an array', 'FROM a\nRUN ["cat", "<<EOF"]\nUSER x\n', [], '["cat", "<<EOF"]', '3 USER x'],
  ['of another instruction', 'FROM a\nENV A=<<EOF\nUSER x\n', [], 'A=<<EOF', '3 USER x'],
];
for (const [name, text, contents, rest, after] of heredocs)
  test(`heredoc: ${name}`, () => {
    const [, instruction, next] = read(text);
    expect(instruction?.heredocs.map(({ content }) => content)).toEqual(contents);
    expect(instruction?.rest).toBe(rest);
    expect(`${next?.line} ${next?.keyword} ${next?.rest}`).toBe(after);
  });

test('a heredoc whose name is quoted is taken as it is', () => {
  const [, instruction] = read('FROM a\nCOPY <<"A" <<\'B\' <<C /d/\nA\nB\nC\n');
  expect(instruction?.heredocs.map(({ name, isExpanded }) => [name, isExpanded])).toEqual([
    ['A', false],
    ['B', false],
    ['C', true],
  ]);
});

const flags: [text: string, flags: string[], rest: string][] = [
  [
    'RUN --mount=type=cache,target=/root/.cache/go-build \\\n    --mount=type=bind,source=go.mod,target=go.mod \\\n    go mod download -x',
    ['--mount=type=cache,target=/root/.cache/go-build', '--mount=type=bind,source=go.mod,target=go.mod'],
    'go mod download -x',
  ],
  ['COPY --chown="my user":g --link a b', ['--chown=my user:g', '--link'], 'a b'],
  ['RUN -- --x', [], '--x'],
  ['RUN ls --all', [], 'ls --all'],
];
for (const [text, found, rest] of flags)
  test(`flags: ${text}`, () => {
    const [instruction] = read(text);
    expect(instruction?.flags).toEqual(found);
    expect(instruction?.rest).toBe(rest);
  });

const faults: [name: string, text: string, said: string][] = [
  ['a heredoc without an end', 'FROM a\nRUN <<EOF\nx\n', 'line 2: the heredoc is not ended by a line that is EOF'],
  ['another escape', '# escape=^\nFROM a\n', 'the escape directive is ^'],
];
for (const [name, text, said] of faults) test(`fault: ${name}`, () => expect(() => read(text)).toThrow(said));
