// The laptop's door: `npx tsx pipeline/ci.ts [function] [options]`. What the pipeline does is written in src/ only.
import { main } from './cli/main.ts';

const exitCode = await main(process.argv.slice(2));
// Ended by hand, once all is written: the SDK may hold the process open, and a Dagger CLI that it started ends with us.
process.stdout.write('', () => process.exit(exitCode));
