// Starts the engine: `node launch.mjs <args…>`.
import { keepCompiled, load } from '../bin/bundle.mjs';

// Other commands use a part of it only.
if (process.argv[2] === 'session') process.on('exit', () => keepCompiled('engine'));
load('engine');
