// The command line: `npx tsx pipeline/ci.ts [function] [options]`. What the pipeline does is written in src/ only.
import './bin/drydock.mjs';
